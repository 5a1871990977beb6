"""Elementwise activations by name; the index of a name is its code in kernels."""

import math

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
    "gelu_tanh",
)

# Activations f whose derivative follows from y = f(x) alone, so that x need not be kept.
FROM_OUTPUT = frozenset(ACTIVATIONS) - {"gelu", "swish", "mish", "hard_swish", "gelu_tanh"}

# Of gelu_tanh, which is x * sigmoid(SLOPE * x + CUBE * x**3).
GELU_SLOPE = 2 * math.sqrt(2 / math.pi)
GELU_CUBE = GELU_SLOPE * 0.044715

# Of selu: outputs keep mean 0 and variance 1 from one wide layer to the next.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
