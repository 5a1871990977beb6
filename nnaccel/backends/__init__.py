"""Backends: array namespaces with kernels, and the current one."""

from nnaccel.backends._backend import (
    Array,
    Backend,
    BackendInfo,
    BackendUnavailableError,
    Replay,
    home_of,
    is_kernels_only,
    is_on_device,
    kernels_only,
    to_numpy,
)
from nnaccel.backends._dispatch import asarray, backend_of, get_namespace
from nnaccel.backends._in_flight import hold_until_read
from nnaccel.backends._libraries import OtherLibraryError, call_on_views
from nnaccel.backends._select import (
    backends,
    cpu_backend,
    get_backend,
    reason_for_choice,
    set_backend,
    use_backend,
)
from nnaccel.backends._upload import PIECE_BYTES, uploader_of
from nnaccel.backends._views import is_of_other_library, require_current_device, view

__all__ = [
    "PIECE_BYTES",
    "Array",
    "Backend",
    "BackendInfo",
    "BackendUnavailableError",
    "OtherLibraryError",
    "Replay",
    "asarray",
    "backend_of",
    "backends",
    "call_on_views",
    "cpu_backend",
    "get_backend",
    "get_namespace",
    "hold_until_read",
    "home_of",
    "is_kernels_only",
    "is_of_other_library",
    "is_on_device",
    "kernels_only",
    "reason_for_choice",
    "require_current_device",
    "set_backend",
    "to_numpy",
    "uploader_of",
    "use_backend",
    "view",
]
