"""The epoch in JAX: a jitted step called from Python, or the whole epoch in one jitted scan."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from nnaccel.bench.problem import IntArray, Problem, Weights

Params = list[tuple[jax.Array, jax.Array]]
State = tuple[Params, jax.Array]  # parameters and the summed loss so far


def _mean_loss(params: Params, x: jax.Array, labels: jax.Array) -> jax.Array:
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    log_p = jax.nn.log_softmax(x @ w + b)
    return -jnp.take_along_axis(log_p, labels[:, None], axis=1).mean()


def _step(
    state: State, x: jax.Array, labels: jax.Array, rows: jax.Array, learning_rate: float
) -> State:
    """One SGD step on the given rows."""
    params, total = state
    loss, grads = jax.value_and_grad(_mean_loss)(params, x[rows], labels[rows])
    params = jax.tree.map(lambda p, g: p - learning_rate * g, params, grads)
    return params, total + loss * len(rows)


def _epoch(
    state: State,
    x: jax.Array,
    labels: jax.Array,
    batches: jax.Array,
    rest: jax.Array,
    learning_rate: float,
) -> State:
    """Scan the full batches, then do the smaller last one, if any."""

    def body(state: State, rows: jax.Array) -> tuple[State, None]:
        return _step(state, x, labels, rows, learning_rate), None

    state, _ = jax.lax.scan(body, state, batches)
    return _step(state, x, labels, rest, learning_rate) if rest.size else state


class _JaxMLP:
    """Base of both contestants: data and parameters as JAX arrays."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.x = jnp.asarray(problem.x)
        self.labels = jnp.asarray(problem.labels, jnp.int32)
        self.params: Params = [
            (jnp.asarray(w), jnp.asarray(b)) for w, b in problem.initial_weights()
        ]

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch in the given row order; return its mean loss."""
        n = len(self.x)
        rows = (np.arange(n) if order is None else order).astype(np.int32)
        self.params, total = self._run((self.params, jnp.zeros(())), rows)
        return float(total) / n  # waits for the computation to end

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""
        return [(np.asarray(w), np.asarray(b)) for w, b in self.params]

    def _run(self, state: State, rows: np.ndarray[tuple[int], np.dtype[np.int32]]) -> State:
        raise NotImplementedError


class JaxStepMLP(_JaxMLP):
    """MLP trained by JAX with one jitted call a batch."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.step = jax.jit(_step, donate_argnums=0, static_argnums=4)

    def _run(self, state: State, rows: np.ndarray[tuple[int], np.dtype[np.int32]]) -> State:
        p = self.problem
        for start in range(0, len(rows), p.batch_size):
            batch = rows[start : start + p.batch_size]
            state = self.step(state, self.x, self.labels, batch, p.learning_rate)
        return state


class JaxScanMLP(_JaxMLP):
    """MLP trained by JAX with one jitted call an epoch."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.jitted_epoch = jax.jit(_epoch, donate_argnums=0, static_argnums=5)

    def _run(self, state: State, rows: np.ndarray[tuple[int], np.dtype[np.int32]]) -> State:
        p = self.problem
        full = len(rows) // p.batch_size * p.batch_size
        batches, rest = rows[:full].reshape(-1, p.batch_size), rows[full:]
        state = self.jitted_epoch(state, self.x, self.labels, batches, rest, p.learning_rate)
        return state
