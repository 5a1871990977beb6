"""PTX as text, and its functions as lists of statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VECTOR = re.compile(r"\{\s*([%\w]+(?:\s*,\s*[%\w]+)*)\s*\}")  # a scope holds a semicolon
_FUNCTION = re.compile(
    r"\.(?P<kind>entry|func)\s*(?:\((?P<results>[^)]*)\))?\s*(?P<name>[\w$]+)\s*"
    r"\((?P<parameters>[^)]*)\)[^{;]*(?P<end>[{;])"
)
_SHARED = re.compile(r"\.shared\s+\.align\s+(\d+)\s+\.b8\s+([\w$]+)\[(\d+)\]\s*;")
_STATEMENT = re.compile(r"\s*(?:(?P<brace>[{}])|(?P<label>[\w$]+):(?!:)|(?P<text>[^;{}]+);)")
_INSTRUCTION = re.compile(
    r"(?:@(?P<not>!?)(?P<guard>[%\w]+)\s+)?(?P<opcode>[\w.:]+)\s*(?P<rest>.*)"
)
_OPERAND = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|[^,\s]+")


class Function(NamedTuple):
    """A kernel or a device function.

    Attributes
    ----------
    parameters, results : list of str
        Their names.
    body : str
        What is between its braces.
    """

    name: str
    is_kernel: bool
    parameters: list[str]
    results: list[str]
    body: str


class Module(NamedTuple):
    """The functions of a PTX text by name, and its shared arrays: name, alignment and bytes."""

    functions: dict[str, Function]
    shared: list[tuple[str, int, int]]


class Instruction(NamedTuple):
    """An instruction as it is written; the items of vectors, and of addresses, are one by one.

    Attributes
    ----------
    guard : str
        The predicate that it depends on; empty if there is none.
    negated : bool
        Whether it runs where the predicate is false.
    vector : int
        Which operand was in braces; -1 if none was.
    """

    guard: str
    negated: bool
    opcode: str
    operands: list[str]
    vector: int
    text: str


def parse(ptx: str) -> Module:
    """Read a module."""
    text = _VECTOR.sub(lambda found: f"<{found[1]}>", _COMMENT.sub("", ptx))
    functions = {}
    for found in _FUNCTION.finditer(text):
        if found["end"] == "{":
            names = [_declared(found[part] or "") for part in ("parameters", "results")]
            body = _until_closed(text, found.end())
            functions[found["name"]] = Function(
                found["name"], found["kind"] == "entry", *names, body
            )
    shared = [(name, int(align), int(size)) for align, name, size in _SHARED.findall(text)]
    return Module(functions, shared)


def statements(body: str) -> Iterator[str]:
    """Braces, labels with their colon, and what ends in a semicolon, without it."""
    for found in _STATEMENT.finditer(body):
        yield found["brace"] or (
            f"{found['label']}:" if found["label"] else " ".join(found["text"].split())
        )


def instruction(text: str) -> Instruction:
    """Read one instruction."""
    found = _INSTRUCTION.fullmatch(text)
    if found is None:
        raise ValueError(f"this is no PTX instruction: {text}")
    operands = list[str]()
    vector = -1
    for index, operand in enumerate(_OPERAND.findall(found["rest"])):
        if operand[0] == "<":
            vector = index
        operands += _parts(operand)
    guard, negated = found["guard"] or "", found["not"] == "!"
    return Instruction(guard, negated, found["opcode"], operands, vector, text)


def _parts(operand: str) -> list[str]:
    """An address is a base and an offset, a vector its items, a pair of results both."""
    if operand[0] == "[":
        base, _, offset = operand[1:-1].replace(" ", "").partition("+")
        return [base, offset or "0"]
    if operand[0] in "<(" or "|" in operand:
        return [part.strip() for part in re.split(r"[,|]", operand.strip("<>()"))]
    return [operand]


def _declared(parameters: str) -> list[str]:
    """Names in a list of parameters."""
    return [part.split()[-1] for part in parameters.split(",") if part.strip()]


def _until_closed(text: str, start: int) -> str:
    """Text up to the brace that closes the one before `start`."""
    depth = 1
    for found in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return text[start : found.start()]
    raise ValueError("a function of this PTX has no end")
