"""A batch on a local Dask cluster of two processes."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.cli import main
from napari_unet.core.batch.cluster.connect import connected
from napari_unet.core.batch.cluster.run import run_batch_on
from napari_unet.core.batch.cluster.workers import Workers
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_batch
from napari_unet.core.batch.run import ItemEnded, ItemNotice, ItemProgress, ItemStarted
from napari_unet.errors import InvalidModel, SchedulerUnavailable
from scenes import preset_model, random_model, small_network

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

TILE = 64


@pytest.fixture(scope="module")
def cluster():
    """Two workers with a thread each, in processes of their own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
        yield client


@pytest.fixture(scope="module")
def model():
    return random_model(small_network())


@pytest.fixture
def folder(tmp_path, rng):
    """A Zarr that is large for these tiles, with two planes, and two small TIFFs."""
    os.mkdir(tmp_path / "in")
    stack = rng.integers(0, 255, (2, 300, 500)).astype(np.uint8)
    zarr.save_array(tmp_path / "in" / "large.zarr", stack)
    for name in ("a", "b"):
        image = rng.integers(0, 255, (70, 90)).astype(np.uint8)
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", image)
    return tmp_path


def planned(model, folder, out, *inputs, **options):
    given = [folder / "in" / name for name in inputs] or [folder / "in"]
    return plan_batch(given, model, folder / out, BatchOptions(tile=TILE, **options))


def ended(events) -> dict[str, ItemEnded]:
    return {Path(e.item.name).name: e for e in events if isinstance(e, ItemEnded)}


def assert_same_results(one, other):
    names = sorted(os.listdir(one))
    assert names == sorted(os.listdir(other))
    for name in names:
        if name.endswith(".zarr"):
            levels = sorted(zarr.open_group(one / name, mode="r").array_keys())
            assert levels == sorted(zarr.open_group(other / name, mode="r").array_keys())
            for level in levels:
                found = [zarr.open_group(root / name, mode="r")[level][:] for root in (one, other)]
                np.testing.assert_array_equal(*found)
        elif name.endswith(".csv"):
            assert (one / name).read_bytes() == (other / name).read_bytes()
        else:
            found = [tifffile.imread(root / name) for root in (one, other)]
            np.testing.assert_array_equal(*found)


def test_two_workers_make_the_same_as_none(client, model, folder):
    save = {"save": ("labels", "probabilities"), "measure": True}
    events = list(run_batch_on(client, model, planned(model, folder, "two", **save), device="cpu"))
    assert {e.status for e in ended(events).values()} == {"done"}
    list(run_batch_on(None, model, planned(model, folder, "none", **save), device="cpu"))
    assert_same_results(folder / "two", folder / "none")
    for out in ("two", "none"):
        assert not planned(model, folder, out, **save).to_run  # what was made knows from what
    assert sum(isinstance(e, ItemStarted) for e in events) == 3
    progress = [e.overall for e in events if isinstance(e, ItemProgress)]
    assert progress == sorted(progress)
    assert progress[-1] == pytest.approx(1)
    large = [e for e in events if isinstance(e, ItemProgress) and e.number == 2]
    assert len(large) > 4  # its chunks are tasks of their own


def test_instances_are_a_task_an_image(client, model, folder):
    inputs, save = ("a.tif", "b.tif"), {"save": ("instances",), "measure": True}
    for there, out in ((client, "two"), (None, "none")):
        events = run_batch_on(there, model, planned(model, folder, out, *inputs, **save))
        assert {e.status for e in ended(events).values()} == {"done"}
    assert_same_results(folder / "two", folder / "none")
    assert any(path.suffix == ".csv" for path in (folder / "two").iterdir())


@pytest.mark.fault("killed process")
def test_a_worker_that_is_killed_changes_nothing(client, folder):
    """In the middle of the chunks of one image; another worker takes its place."""
    model = preset_model("compact")
    plan = planned(model, folder, "killed", "large.zarr")
    before = set(client.run(os.getpid).values())
    killed = 0
    events = []
    for event in run_batch_on(client, model, plan, device="cpu"):
        events.append(event)
        if isinstance(event, ItemProgress) and not killed:
            killed = before.copy().pop()
            os.kill(killed, signal.SIGKILL)
    assert [e.status for e in ended(events).values()] == ["done"]
    list(run_batch_on(None, model, planned(model, folder, "none", "large.zarr"), device="cpu"))
    assert_same_results(folder / "killed", folder / "none")
    client.wait_for_workers(2, timeout=30)
    assert killed not in set(client.run(os.getpid).values())
    assert not list((folder / "killed").rglob("*.partial"))


def test_an_image_that_workers_die_of_is_given_up(client, cluster, folder, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    model = preset_model("compact")
    killed = False
    events = []
    for event in run_batch_on(
        client, model, planned(model, folder, "out", "large.zarr"), device="cpu"
    ):
        events.append(event)
        if isinstance(event, ItemProgress) and not killed:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
            killed = True
    found = ended(events)["large.zarr"]
    assert found.status == "failed"
    assert "workers died" in found.sentence
    assert os.listdir(folder / "out") == []


def test_a_tile_without_pixels_is_refused_as_without_a_cluster(client, model, folder):
    plan = plan_batch([folder / "in"], model, folder / "out", BatchOptions(tile=0))
    for there in (client, None):
        found = ended(run_batch_on(there, model, plan, device="cpu"))
        assert {e.status for e in found.values()} == {"failed"}
        assert all("a tile of 0 px is too small" in e.sentence for e in found.values())


def test_an_image_that_fails_does_not_stop_the_others(client, model, folder):
    """A corrupt chunk of a large image, and one whose pixels are all the same."""
    ramp = np.tile(np.arange(250, dtype=np.uint8), (300, 2))
    zarr.create_array(folder / "in" / "bad.zarr", data=ramp, chunks=(100, 100))
    (folder / "in" / "bad.zarr" / "c" / "2" / "4").write_bytes(b"garbage")
    zarr.save_array(folder / "in" / "flat.zarr", np.full((300, 500), 7, np.uint8))
    found = ended(run_batch_on(client, model, planned(model, folder, "out"), device="cpu"))
    states = {name: e.status for name, e in found.items()}
    assert states == {
        "a.tif": "done",
        "b.tif": "done",
        "large.zarr": "done",
        "bad.zarr": "failed",
        "flat.zarr": "failed",
    }
    assert "cannot be read" in found["bad.zarr"].sentence
    assert "every pixel of the image is 7" in found["flat.zarr"].sentence
    names = ["a_labels.tif", "b_labels.tif", "large_labels.ome.zarr"]
    assert sorted(os.listdir(folder / "out")) == names


def test_stop_keeps_what_is_ready_and_leaves_nothing_half(client, folder):
    model = preset_model("compact")
    asked = []
    events = []
    plan = planned(model, folder, "out", "large.zarr", "a.tif")
    for event in run_batch_on(client, model, plan, device="cpu", stop=lambda: bool(asked)):
        events.append(event)
        if isinstance(event, ItemProgress):
            asked.append(True)
    assert ended(events)["large.zarr"].status == "stopped"
    done = [e for e in ended(events).values() if e.status == "done"]
    names = sorted(path.name for e in done for path in e.outputs)
    assert sorted(os.listdir(folder / "out")) == names


def test_closing_it_leaves_nothing_half_and_takes_the_model_away(client, folder):
    model = preset_model("compact")
    plan = planned(model, folder, "out", "large.zarr")
    events = run_batch_on(client, model, plan, device="cpu")
    while not isinstance(next(events), ItemProgress):
        pass
    events.close()
    assert os.listdir(folder / "out") == []
    assert all(not any("napari" in name for name in names) for names in plugins(client))


def plugins(client):
    return client.run(lambda dask_worker: list(dask_worker.plugins)).values()


def test_the_model_is_loaded_once_a_worker(client, model, folder, monkeypatch):
    """The tasks themselves are small: they name the model."""
    from napari_unet.core.batch.cluster import worker_tasks

    sizes = []
    real = client.submit

    def submit(function, *arguments, **options):
        if function is worker_tasks.write_tiles:
            sizes.append(len(distributed.protocol.pickle.dumps(arguments[:3])))
        return real(function, *arguments, **options)

    monkeypatch.setattr(client, "submit", submit)
    list(run_batch_on(client, model, planned(model, folder, "out"), device="cpu"))
    assert sizes
    assert max(sizes) < 10_000 < len(model.to_bytes())


def test_a_model_that_no_worker_can_load_is_told_at_once(client, model, folder, monkeypatch):
    monkeypatch.setattr(type(model), "to_bytes", lambda self: b"none")
    plan = planned(model, folder, "out")
    with pytest.raises(InvalidModel, match="not a napari-unet model"):
        list(run_batch_on(client, model, plan, device="cpu"))
    assert all(not any("napari" in name for name in names) for names in plugins(client))
    left = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.worker_plugins))
    assert not any("napari" in name for name in left)


def test_without_a_worker_it_waits_and_says_so(model, folder):
    with (
        distributed.LocalCluster(
            n_workers=0, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as empty,
        distributed.Client(empty, set_as_default=False) as client,
    ):
        events = []
        plan = planned(model, folder, "out", "a.tif")
        for event in run_batch_on(client, model, plan, device="cpu"):
            events.append(event)
            if isinstance(event, ItemNotice) and "no worker" in event.text:
                empty.scale(1)
    assert ended(events)["a.tif"].status == "done"
    assert sum("no worker" in event.text for event in events if isinstance(event, ItemNotice)) == 1


def test_while_there_is_no_worker_it_rests_between_two_looks(model, folder, monkeypatch):
    rests, turns = [], itertools.count()
    monkeypatch.setattr(Workers, "done", lambda self, seconds: rests.append(seconds) or [])
    nobody = SimpleNamespace(
        register_plugin=lambda *_, **__: None,
        unregister_worker_plugin=lambda *_: None,
        nthreads=dict,
    )
    plan = planned(model, folder, "out", "a.tif")
    events = list(run_batch_on(nobody, model, plan, stop=lambda: next(turns) > 5))
    assert ended(events)["a.tif"].status == "stopped"
    assert len([seconds for seconds in rests if seconds > 0]) == 6


def test_a_compressed_file_is_decompressed_once_a_worker(model, tmp_path, rng, monkeypatch):
    from napari_unet.core.batch.cluster import worker_tasks
    from napari_unet.core.batch.cluster.image_tasks import tasks_of
    from napari_unet.core.io import read_tiff

    image = rng.integers(0, 255, (300, 500)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "large.tif", image, compression="zlib")
    reads, real = [], read_tiff._read_quietly
    monkeypatch.setattr(read_tiff, "_read_quietly", lambda s: reads.append(s) or real(s))
    (item,) = plan_batch([tmp_path / "large.tif"], model, tmp_path).items
    item = replace(item, outputs={"labels": tmp_path / "large_labels.ome.zarr"})
    sent = worker_tasks.SentModel(model.to_bytes(), "cpu")
    monkeypatch.setattr(worker_tasks, "_sent", lambda name: sent)
    work = worker_tasks.Work("model", "0", item, BatchOptions())
    tasks = tasks_of(work, model, lambda f, *args: f(*args), side=TILE, threads=2)
    written = list(tasks)
    assert len(written) > 3
    assert written.pop() is None
    assert sum(part.pixels for part in written) == image.size
    assert len(reads) == 1


def test_in_the_shell(cluster, model, folder, monkeypatch, capsys):
    """Paths may be relative, though workers are elsewhere; the report is in the plan's order."""
    monkeypatch.chdir(folder)
    model.save("model.unet")
    (folder / "in" / "a0.png").write_text("no image")
    words = ["batch", "model.unet", "in", "--output", "out", "--device", "cpu"]
    assert main([*words, "--scheduler", cluster.scheduler_address]) == 1
    said = capsys.readouterr().out
    assert "4 images: 3 done, 1 failed." in said
    assert said.index("in/a.tif ") < said.index("in/a0.png ") < said.index("in/large.zarr ")
    names = ["a_labels.tif", "b_labels.tif", "batch_report.csv", "large_labels.ome.zarr"]
    assert sorted(os.listdir("out")) == names
    assert main([*words, "--scheduler", "127.0.0.1:1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("napari-unet: no Dask scheduler answers at 127.0.0.1:1")
    assert error.count("\n") == 1


@pytest.fixture
def scheduler():
    """A scheduler with a worker, together in a process of their own: the process, its address."""
    program = (
        "import sys; from distributed import LocalCluster\n"
        "with LocalCluster(protocol='tcp://', n_workers=1, threads_per_worker=1, processes=False,"
        " dashboard_address=None) as cluster:\n"
        "    print(cluster.scheduler_address, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process, process.stdout.readline().decode().strip()
        process.kill()


def test_a_scheduler_that_goes_away_is_told_and_what_is_done_stays(scheduler, folder):
    process, address = scheduler
    model = preset_model("compact")
    plan = planned(model, folder, "out", "a.tif", "large.zarr")
    events = []
    with connected(address) as client:
        for event in run_batch_on(client, model, plan, device="cpu"):
            events.append(event)
            if isinstance(event, ItemProgress) and event.number == 1 and event.fraction < 1:
                process.kill()
    found = ended(events)
    assert found["a.tif"].status == "done"
    assert found["large.zarr"].status == "failed"
    assert "went away" in found["large.zarr"].sentence
    assert os.listdir(folder / "out") == ["a_labels.tif"]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1:1", "refused"),
        ("nowhere", "missing port"),
        ("foo://127.0.0.1:1", "unknown address scheme"),
    ],
)
def test_a_scheduler_that_is_not_there_is_told(address, reason):
    with (
        pytest.raises(
            SchedulerUnavailable, match=f"no Dask scheduler answers at {address}.*{reason}"
        ),
        connected(address),
    ):
        pass


def test_somebody_else_who_listens_is_told():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(SchedulerUnavailable, match=r"no answer within 0\.2 s"),
        connected(f"127.0.0.1:{silent.getsockname()[1]}", seconds=0.2),
    ):
        pass


def test_a_missing_package_is_told_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(SchedulerUnavailable, match=r"pip install \"napari-unet-live\[cluster\]\""),
        connected("127.0.0.1:1"),
    ):
        pass
