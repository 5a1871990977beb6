"""The nodes of a graph as chains and forks: from one array to several, and together again."""

from __future__ import annotations

from dataclasses import dataclass

from nnaccel.interop.onnx.read import Node, Reading
from nnaccel.layers._composite import MOST_DEPTH
from nnaccel.training.checkpoint import CheckpointError


@dataclass
class Fork:
    """Branches that begin at one array, and the node that joins them."""

    node: Node
    branches: list[list[Step]]


Step = Node | Fork


class _Walk:
    """Walks from the output back to the input, and at a joining node back to where it forks."""

    def __init__(self, reading: Reading) -> None:
        self._start = reading.input
        self._by_output = {node.output: node for node in reading.nodes}
        self._seen: set[Node] = set()
        # Every path from the input to an array goes through its gate, the nearest such array.
        self._gate: dict[str, str] = {}
        self._depth = {self._start: 0}
        for node in reading.nodes:
            if node.data:
                gate = node.data[0]
                for other in node.data[1:]:
                    gate = self._common(gate, other)
                self._gate[node.output] = gate
                self._depth[node.output] = self._depth[gate] + 1

    def back(self, end: str, start: str, level: int = 0) -> list[Step]:
        """Return the steps from one array to another, in order."""
        if level > MOST_DEPTH:
            raise CheckpointError(f"its branches within branches are more than {MOST_DEPTH} deep")
        steps: list[Step] = []
        while end != start:
            node = self._by_output.get(end)
            if node is None or node in self._seen:
                what = "the input" if node is None else node.label
                raise CheckpointError(
                    f"{what} feeds branches that do not come together again at one place, and no "
                    "layers here are connected so"
                )
            if not node.data:
                raise node.refused("it computes without the input, which no layer does")
            self._seen.add(node)
            before = self._gate[end]
            if len(node.data) == 1:
                steps.append(node)
            else:
                branches = [self.back(name, before, level + 1) for name in node.data]
                steps.append(Fork(node, branches))
            end = before
        return steps[::-1]

    def _common(self, a: str, b: str) -> str:
        """Return the nearest array that is on all paths to both."""
        while a != b:
            if self._depth.get(a, 0) < self._depth.get(b, 0):
                a, b = b, a
            a = self._gate.get(a, self._start)
        return a


def steps(reading: Reading) -> list[Step]:
    """Return the graph as a chain of nodes and forks.

    Raises
    ------
    CheckpointError
        If branches do not come together again at one place.
    """
    return _Walk(reading).back(reading.output, reading.input)


def nodes(chain: list[Step]) -> list[Node]:
    """Return all nodes of a chain and its branches."""
    found = []
    for step in chain:
        if isinstance(step, Fork):
            found += [node for branch in step.branches for node in nodes(branch)]
        found.append(step.node if isinstance(step, Fork) else step)
    return found
