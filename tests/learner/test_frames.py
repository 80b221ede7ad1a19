from __future__ import annotations

import io
import os
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner import Learner, frames
from napari_unet.learner.messages import PlanePredicted, Reply, TrainRequest


def there_and_back(message):
    stream = io.BytesIO()
    frames.send(stream, message)
    stream.seek(0)
    received = frames.receive(stream)
    assert stream.read() == b""
    return received


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.float32, np.int64, bool]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
    )
)
def test_arrays_arrive_as_they_were_sent(array):
    received = there_and_back(Reply(3, PlanePredicted(0, array, None)))
    assert received.job == 3
    found = received.content.classes
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_requests_arrive_whole(rng):
    request = TrainRequest(
        job=1,
        images=(rng.normal(size=(3, 40, 50)), rng.integers(0, 9, (1, 4, 5))),
        labels=(np.zeros((40, 50), np.uint8),),
        newest=(),
        settings=TrainSettings(steps=3),
        classes=(),
        model=bytes(range(256)),
    )
    received = there_and_back(request)
    assert received.settings == request.settings
    assert received.model == request.model
    np.testing.assert_array_equal(received.images[0], request.images[0])


def test_views_and_transposed_arrays_arrive_too(rng):
    array = rng.normal(size=(20, 30))
    for view in (array[::2, 5:], array.T, array[:0], array[3]):
        np.testing.assert_array_equal(there_and_back(view), view)


def test_received_arrays_can_be_written():
    received = there_and_back(np.zeros(5))
    received[0] = 1


def test_several_messages_come_one_by_one():
    stream = io.BytesIO()
    for number in range(3):
        frames.send(stream, number)
    stream.seek(0)
    assert [frames.receive(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(EOFError):
        frames.receive(stream)


@given(st.integers(0, 10_000))
def test_an_end_within_a_message_is_an_end(cut):
    stream = io.BytesIO()
    frames.send(stream, np.arange(100))
    data = stream.getvalue()
    with pytest.raises(EOFError):
        frames.receive(io.BytesIO(data[: min(cut, len(data) - 1)]))


def test_a_message_larger_than_the_pipe_goes_through(rng):
    """A pipe holds 64 KiB; the rest waits for the reader."""
    array = rng.normal(size=(3, 700, 700))
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as source, os.fdopen(writing, "wb") as sink:
        sender = threading.Thread(target=frames.send, args=(sink, array))
        sender.start()
        received = frames.receive(source)
        sender.join()
    np.testing.assert_array_equal(received, array)


class TestWhatAMessageMayName:
    """The learner may run on another computer, which must not be able to run commands here."""

    @pytest.mark.parametrize(
        "thing",
        [
            os.system,
            pickle.loads,
            np.load,
            io.BytesIO(),
            frames.send,
            Learner,  # a class of this program, but no plain data
        ],
    )
    def test_is_plain_data_and_arrays_alone(self, thing):
        with pytest.raises(pickle.UnpicklingError, match="no part of a message"):
            there_and_back(thing)

    def test_not_what_calls_something(self):
        class Evil:
            def __reduce__(self):
                return os.getcwd, ()

        with pytest.raises(pickle.UnpicklingError, match="getcwd"):
            there_and_back(Reply(0, Evil()))

    @pytest.mark.parametrize(
        ("module", "name"),
        [("napari_unet.learner.spawn", "subprocess.Popen"), ("numpy", "load"), ("os", "system")],
    )
    def test_not_by_a_name_with_dots_either(self, module, name):
        opcodes = f"\x80\x04\x8c{chr(len(module))}{module}\x8c{chr(len(name))}{name}\x93."
        stream = io.BytesIO()
        frames.send(stream, "")
        body = opcodes.encode("latin-1")
        stream = io.BytesIO(frames._HEAD.pack(0, 0) + frames._PART.pack(0, len(body)) + body)
        with pytest.raises(pickle.UnpicklingError, match="no part of a message"):
            frames.receive(stream)

    def test_arrays_of_another_numpy(self, rng):
        """NumPy 1 and 2 keep their functions in modules of other names."""
        stream = io.BytesIO()
        frames.send(stream, np.float64(3))
        data = stream.getvalue().replace(b"numpy._core.", b"numpy.score.")
        assert frames.receive(io.BytesIO(data)) == 3.0
