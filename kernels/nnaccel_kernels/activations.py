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
    "swish",
    "mish",
    "selu",
    "hard_swish",
)

# Activations f whose derivative follows from y = f(x) alone, so that x need not be kept.
FROM_OUTPUT = frozenset(ACTIVATIONS) - {"gelu", "swish", "mish", "hard_swish"}

# Of selu: outputs keep mean 0 and variance 1 from one wide layer to the next.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
