"""Names of the elementwise activations; a name's place in the list is its code inside kernels."""

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

# Derivatives that can be computed from y = f(x) alone, so that x need not be kept.
FROM_OUTPUT = frozenset(ACTIVATIONS) - {"gelu"}
