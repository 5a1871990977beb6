"""The epoch in vectorised NumPy: BLAS products into preallocated buffers, in-place ufuncs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnaccel.bench.problem import FloatArray, IntArray, Problem, Weights


@dataclass
class _Layer:
    """Parameters of one dense layer, and buffers of its forward and backward passes."""

    w: FloatArray
    b: FloatArray
    dw: FloatArray
    y: FloatArray
    dy: FloatArray


class NumpyMLP:
    """MLP trained by hand-written NumPy; allocates nothing of batch size during an epoch."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        rows = problem.batch_size
        self.x = np.empty((rows, problem.sizes[0]), np.float32)
        self.layers = [
            _Layer(
                w,
                b,
                np.empty_like(w),
                np.empty((rows, b.size), np.float32),
                np.empty((rows, b.size), np.float32),
            )
            for w, b in problem.initial_weights()
        ]

    def epoch(self, order: IntArray | None) -> float:
        """Train one epoch in the given row order; return its mean loss."""
        p = self.problem
        if order is None:
            order = np.arange(len(p.x))
        loss = 0.0
        for start in range(0, len(order), p.batch_size):
            rows = order[start : start + p.batch_size]
            # mode="clip" lets take write straight into `out`; every index is in range.
            x = np.take(p.x, rows, axis=0, out=self.x[: len(rows)], mode="clip")
            loss += self._step(x, p.labels[rows])
        return loss / len(order)

    def weights(self) -> Weights:
        """Current (w, b) of each layer."""
        return [(layer.w, layer.b) for layer in self.layers]

    def _step(self, x: FloatArray, labels: IntArray) -> float:
        """One SGD step; returns the summed loss of the batch."""
        logits = self._forward(x)
        loss = self._softmax_cross_entropy(logits, labels)
        self._backward(x)
        return loss

    def _forward(self, x: FloatArray) -> FloatArray:
        for layer in self.layers:
            y = np.matmul(x, layer.w, out=layer.y[: len(x)])
            y += layer.b
            if layer is not self.layers[-1]:
                np.maximum(y, 0, out=y)
            x = y
        return x

    def _softmax_cross_entropy(self, logits: FloatArray, labels: IntArray) -> float:
        """Summed loss; writes dlogits, times the learning rate over rows, to the last dy."""
        rows = np.arange(len(labels))
        logits -= logits.max(axis=1, keepdims=True)
        dlogits = np.exp(logits, out=self.layers[-1].dy[: len(labels)])
        total = dlogits.sum(axis=1, keepdims=True)
        loss = np.log(total).sum() - logits[rows, labels].sum()
        dlogits /= total
        dlogits[rows, labels] -= 1
        # Every gradient is linear in dlogits, so the step size is applied once, here.
        dlogits *= np.float32(self.problem.learning_rate / len(labels))
        return float(loss)

    def _backward(self, x: FloatArray) -> None:
        """Backward pass, updating each layer after its input gradient is computed."""
        inputs = [x, *(layer.y[: len(x)] for layer in self.layers[:-1])]
        for i in reversed(range(len(self.layers))):
            layer, dy = self.layers[i], self.layers[i].dy[: len(x)]
            if i > 0:
                dx = np.matmul(dy, layer.w.T, out=self.layers[i - 1].dy[: len(x)])
                dx *= inputs[i] > 0
            layer.w -= np.matmul(inputs[i].T, dy, out=layer.dw)
            layer.b -= dy.sum(axis=0)
