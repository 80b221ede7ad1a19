from __future__ import annotations

import pytest
import torch

from napari_unet.core.network import device as device_module
from napari_unet.core.network.device import (
    computing,
    describe,
    dtype_of,
    fast_dtype,
    is_out_of_memory,
    one_thread,
    pick_device,
    repeatably,
)
from napari_unet.core.training.train import train
from napari_unet.errors import DeviceUnavailable

CPU = torch.device("cpu")


@pytest.fixture
def has(monkeypatch):
    """Say which accelerators there are."""

    def say(*names):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)

    return say


class TestPick:
    @pytest.mark.parametrize(
        ("there", "expected"), [((), "cpu"), (("mps",), "mps"), (("mps", "cuda"), "cuda")]
    )
    def test_auto_takes_a_gpu_where_there_is_one(self, has, there, expected):
        has(*there)
        assert pick_device("auto").type == expected

    @pytest.mark.parametrize("name", ["cuda", "mps"])
    def test_what_is_not_there_is_refused_with_a_way_out(self, has, name):
        has()
        with pytest.raises(DeviceUnavailable, match=rf"no {name} device.*auto or cpu"):
            pick_device(name)

    def test_what_does_not_exist_is_refused(self):
        with pytest.raises(DeviceUnavailable, match="'tpu'"):
            pick_device("tpu")

    def test_the_cpu_is_always_there(self, has):
        has("cuda")
        assert pick_device("cpu") == CPU
        assert describe(CPU).startswith("CPU")


class TestPrecision:
    def test_bfloat16_is_used_where_it_is_measured_to_be_faster(self, monkeypatch):
        for faster, expected in ((True, torch.bfloat16), (False, torch.float32)):
            monkeypatch.setattr(device_module, "_bfloat16_is_faster_on_cpu", lambda f=faster: f)
            assert fast_dtype(CPU) == expected
            assert fast_dtype(CPU, 3) == torch.float32

    def test_is_measured_once(self):
        assert fast_dtype(CPU) == fast_dtype(CPU)
        assert device_module._bfloat16_is_faster_on_cpu.cache_info().misses <= 1

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_computing_is_in_that_precision(self, dtype):
        convolution = torch.nn.Conv2d(1, 1, 3)
        with computing(CPU, dtype):
            assert convolution(torch.zeros(1, 1, 5, 5)).dtype == dtype

    @pytest.mark.parametrize("computes", [repeatably, lambda d: computing(d, torch.float32)])
    def test_computing_on_cuda_is_repeatable_and_in_full_float32(self, computes):
        before = torch.backends.cudnn.deterministic
        with computes(torch.device("cuda")):
            assert torch.backends.cudnn.deterministic
            assert not torch.backends.cudnn.allow_tf32
            assert not torch.backends.cudnn.benchmark
        assert torch.backends.cudnn.deterministic == before

    def test_it_stays_so_until_the_last_of_several_threads_ends(self):
        before = torch.backends.cudnn.deterministic
        cuda = torch.device("cuda")
        first, second = repeatably(cuda), repeatably(cuda)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert torch.backends.cudnn.deterministic
        second.__exit__(None, None, None)
        assert torch.backends.cudnn.deterministic == before

    def test_a_build_without_onednn_computes_in_float32(self, monkeypatch):
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        monkeypatch.delattr(torch.ops, "mkldnn", raising=False)
        monkeypatch.setattr(torch.ops, "mkldnn", object(), raising=False)
        assert device_module._bfloat16_is_faster_on_cpu.__wrapped__() is False

    def test_one_thread_ends_with_the_threads_of_before(self):
        torch.set_num_threads(2)
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)


class TestChosenPrecision:
    """`dtype_of`."""

    @pytest.mark.parametrize("name", ["float32", "bfloat16"])
    def test_is_the_one_that_is_asked_for(self, name):
        assert dtype_of(name, torch.device("cpu"), 2) is getattr(torch, name)

    def test_of_volumes_on_a_cpu_is_float32(self):
        assert dtype_of("auto", torch.device("cpu"), 3) is torch.float32
        with pytest.raises(DeviceUnavailable, match="float32"):
            dtype_of("bfloat16", torch.device("cpu"), 3)

    @pytest.mark.parametrize("faster", [True, False])
    def test_that_a_measurement_chose_is_kept_and_gives_the_same_again(
        self, monkeypatch, discs, faster
    ):
        monkeypatch.setattr(device_module, "_bfloat16_is_faster_on_cpu", lambda: faster)
        model = train(discs.image, discs.strokes, steps=2, device="cpu")
        settings = model.header.history[-1].settings
        assert settings["precision"] == ("bfloat16" if faster else "float32")
        monkeypatch.setattr(device_module, "_bfloat16_is_faster_on_cpu", lambda: not faster)
        again = train(discs.image, discs.strokes, **settings)
        assert all(torch.equal(value, again.weights[name]) for name, value in model.weights.items())


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to ..."), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to ..."), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("shape mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error, expected):
    assert is_out_of_memory(error) == expected


def test_so_is_what_torch_really_says():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
