"""Write README's speed table from results/mlp.json, between its two marks."""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).parent
START, END = "<!-- speed table -->", "<!-- end of speed table -->"


def main() -> None:
    """Replace what stands between the marks."""
    result = json.loads((HERE / "results" / "mlp.json").read_text("utf-8"))
    readme = HERE.parent / "README.md"
    text = readme.read_text("utf-8")
    before, rest = text.split(START)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{START}\n{render(result)}\n{END}{after}", "utf-8")


def render(result: dict) -> str:
    """Return the table and the line that says where it was made."""
    reports, machine = result["reports"], result["machine"]
    titles = [f"{r['network']}, batch {r['batch_size']}" for r in reports]
    lines = ["| " + " | ".join(["", *titles]) + " |", "|" + " --- |" * (len(reports) + 1)]
    for rows in zip(*(r["rows"] for r in reports), strict=True):
        cells = [f"{row['median']:.2f} s ({row['ratio']:.2g}x)" for row in rows]
        lines.append("| " + " | ".join([rows[0]["about"], *cells]) + " |")
    of_peak = [f"{r['rows'][0]['peak_fraction']:.0%}" for r in reports]
    lines.append("| *nnaccel, of multiply-add peak* | " + " | ".join(of_peak) + " |")
    where = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}; {result['time'][:10]}; `{result['command']}`"
    )
    return "\n".join([*lines, "", where])


if __name__ == "__main__":
    main()
