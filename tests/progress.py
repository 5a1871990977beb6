"""What a run says of itself: how long it will take, what it leaves out, each failure at once."""

from __future__ import annotations

import time

import pytest

from .each_backend import NO_GPU

_TAKEN = "nnaccel/seconds"  # of earlier runs, in pytest's cache
_EXPECTED = {
    "": "4 minutes on two cores, 8 with kernels to compile",
    "not slow": "90 seconds on two cores, 4 minutes with kernels to compile",
}


class Progress:
    """A plugin of the process that reports; pytest-xdist's workers stay silent."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cache = getattr(config, "cache", None)  # `-p no:cacheprovider` has none
        self._begun = time.monotonic()
        option = config.option
        workers = getattr(option, "numprocesses", None) or 1
        self._run = " ".join((*config.args, option.markexpr, option.keyword, str(workers)))

    def pytest_report_header(self) -> list[str]:
        """Say how long it took here before, else how long it takes elsewhere."""
        seconds = self._earlier().get(self._run)
        if seconds is not None:
            expected = f"{seconds // 60} min {seconds % 60} s, as the last time"
        else:
            whole = self._config.args == self._config.getini("testpaths")
            expected = _EXPECTED.get(self._config.option.markexpr, "") if whole else ""
        lines = [f"expected duration: {expected}"] if expected else []
        return [*lines, f"no tests on cupy: {NO_GPU}"] if NO_GPU else lines

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show a failure when it happens, rather than when all is over."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and reporter is not None:
            reporter.ensure_newline()
            reporter.write_sep("_", f"{report.nodeid} ({report.when})", red=True)
            reporter.write_line(report.longreprtext)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Remember how long it took, unless it was cut short."""
        if exitstatus == pytest.ExitCode.OK and self._cache is not None:
            taken = round(time.monotonic() - self._begun)
            self._cache.set(_TAKEN, self._earlier() | {self._run: taken})

    def _earlier(self) -> dict[str, int]:
        return (self._cache.get(_TAKEN, None) or {}) if self._cache is not None else {}
