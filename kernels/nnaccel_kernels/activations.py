"""Elementwise activations by name; the index of a name is its code in kernels."""

ACTIVATIONS = (
    "linear",
    "relu",
    "sigmoid",
    "tanh",
    "leaky_relu",
    "elu",
    "softplus",
    "gelu",
)

# Activations f whose derivative follows from y = f(x) alone, so that x need not be kept.
FROM_OUTPUT = frozenset(ACTIVATIONS) - {"gelu"}
