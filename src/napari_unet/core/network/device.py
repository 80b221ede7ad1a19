"""Where to compute, and in which precision."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache

import torch
from torch.nn import functional

from napari_unet.core.network.config import DeviceName, Precision
from napari_unet.errors import DeviceUnavailable

_FASTER = 1.2
_ROUNDS = 12  # with five, another program that was busy decided now and then
NO_MEMORY = (
    "memory ran out; close other programs, use smaller images or fewer planes, or another device."
)
# What the allocators of torch say: the CPU's on Linux and macOS and on Windows, MPS, cuDNN, cuBLAS.
_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")


def pick_device(name: DeviceName) -> torch.device:
    """Return the device of that name; ``auto`` takes CUDA, then MPS, then the CPU.

    ``DeviceUnavailable`` if it is not there.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if name not in available:
        raise DeviceUnavailable(f"there is no device {name!r}; use auto, cpu, cuda or mps.")
    if not available[name]:
        raise DeviceUnavailable(
            f"torch {torch.__version__} sees no {name} device here; install a build of torch for "
            "it, or use the device auto or cpu."
        )
    return torch.device(name)


def describe(device: torch.device) -> str:
    """Name a device for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (mps)"
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' * (count != 1)}"


def fast_dtype(device: torch.device, ndim: int = 2) -> torch.dtype:
    """Return bfloat16 where the device computes with it and it is faster, else float32.

    For volumes a CPU computes in float32: with torch 2.13.0 a backward pass in bfloat16 was seen to
    corrupt memory and to end the process, at some sizes of a patch, in any layout.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(False) else torch.float32
    if device.type == "cpu" and ndim == 2 and _bfloat16_is_faster_on_cpu():
        return torch.bfloat16
    return torch.float32


def dtype_of(precision: Precision, device: torch.device, ndim: int) -> torch.dtype:
    """Return the type to compute in; ``auto`` is :func:`fast_dtype`.

    ``DeviceUnavailable`` if the device does not compute in it.
    """
    if precision == "auto":
        return fast_dtype(device, ndim)
    if precision == "bfloat16" and device.type == "cpu" and ndim == 3:
        raise DeviceUnavailable(
            "volumes are not computed in bfloat16 on a CPU; use the precision auto or float32."
        )
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def channels_last(ndim: int) -> torch.memory_format:
    """Return the layout of planes or volumes in which convolutions are fastest."""
    return torch.channels_last if ndim == 2 else torch.channels_last_3d


class _Repeatable:
    """Flags of cuDNN, which are the process's: set while at least one thread is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._flags: AbstractContextManager[None] = nullcontext()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._flags = torch.backends.cudnn.flags(
                    enabled=True, deterministic=True, allow_tf32=False
                )
                self._flags.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._flags.__exit__(None, None, None)


_REPEATABLE = _Repeatable()


@contextmanager
def repeatably(device: torch.device) -> Iterator[None]:
    """Compute the same each time, float32 as full float32, on CUDA too; also a backward pass."""
    if device.type != "cuda":  # the flags are the process's own, and CPU threads must not race
        yield
        return
    with _REPEATABLE:
        yield


@contextmanager
def computing(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Compute a forward pass in ``dtype``, repeatably."""
    enabled = dtype is not torch.float32
    with repeatably(device), torch.autocast(device.type, dtype, enabled=enabled):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in this thread alone.

    Small operations gain nothing from several threads, and those of torch stay awake for a while
    after each operation and keep the cores from others.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def free_memory(device: torch.device) -> None:
    """Give memory back that torch only keeps at hand."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception of torch or numpy means that memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


@lru_cache(maxsize=1)
def _bfloat16_is_faster_on_cpu() -> bool:
    """Time a convolution forward and backward in both precisions, a few milliseconds each.

    One thread is timed: two would wait for each other whenever another program is busy.
    """
    # Builds without oneDNN, as for Apple's processors, lack its operators.
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    x = torch.ones(1, 32, 96, 96).to(memory_format=torch.channels_last)
    weight = torch.ones(32, 32, 3, 3).to(memory_format=torch.channels_last)
    times = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    with one_thread():
        for _ in range(_ROUNDS):
            for dtype in times:
                a, w = (t.to(dtype).requires_grad_() for t in (x, weight))
                start = time.perf_counter()
                functional.conv2d(a, w, padding=1).sum().backward()
                times[dtype] = min(times[dtype], time.perf_counter() - start)
    return times[torch.float32] > _FASTER * times[torch.bfloat16]
