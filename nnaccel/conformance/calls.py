"""One call of every kernel: arguments drawn for any shape, so that backends can be compared."""

from __future__ import annotations

from nnaccel.conformance.batch_calls import BATCH_CALLS
from nnaccel.conformance.drawing import Draw
from nnaccel.conformance.image_calls import IMAGE_CALLS
from nnaccel.conformance.layer_calls import LAYER_CALLS
from nnaccel.conformance.update_calls import UPDATE_CALLS

CALLS: dict[str, Draw] = {**BATCH_CALLS, **IMAGE_CALLS, **LAYER_CALLS, **UPDATE_CALLS}
