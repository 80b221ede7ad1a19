"""What is compared: jobs of ours and of others in turns, and their cold starts."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.versus.program import OURS, PEERS, Process, Program, Spent
from benchmarks.versus.turns import Job, Row, Settings, fastest, in_turns

_EQUAL = {False: 1e-4, True: 0.05}  # of probabilities, in float32 and in bfloat16
PATCH = 160  # pixels of a side of what our ``compact`` trains on


class Contests:
    """The comparisons with the chosen others, as far as each can do what is compared.

    ``folder`` has ``image.npy``, to predict, and ``strokes.npz``, see
    :mod:`benchmarks.versus.strokes_job`, and is given what else is needed.
    """

    def __init__(self, peers: Sequence[str], folder: Path, settings: Settings) -> None:
        self._peers, self._folder, self._settings = list(peers), folder, settings

    def versions(self) -> dict[str, dict[str, str]]:
        """Return the versions of each program's packages, by its name; makes the environments."""
        found = {}
        for program in (OURS, *(PEERS[name] for name in self._peers)):
            with Process(program, threads=1) as process:
                found[program.name] = process.versions()
        return found

    def train(self) -> Iterator[Row]:
        """Compare steps of training, of the network alone and with loading and augmentation."""
        settings = self._settings
        with ExitStack() as stack:
            processes = self._started(stack, ("monai", "torch-em"))
            for bare, bfloat16 in product((True, False), (False, True)):
                asked = {"side": settings.lesson, "patch": PATCH, "steps": settings.steps}
                jobs = [
                    Job.made(process, "train", bare=bare, bfloat16=bfloat16, **asked)
                    for process in processes
                ]
                for job in jobs:
                    job.run()
                ours, *theirs = (seconds / settings.steps for seconds in in_turns(jobs, settings))
                kind = "network and optimiser alone" if bare else "augmentation included"
                what = f"training step, 4 x {PATCH} x {PATCH}, {_precision(bfloat16)}, {kind}"
                yield from [
                    Row(what, f"{other.program.name}, its own U-Net", ours, seconds)
                    for other, seconds in zip(processes[1:], theirs, strict=True)
                ]

    def predict(self) -> Iterator[Row]:
        """Compare tiled predictions: the same network by others, and MONAI's own."""
        settings = self._settings
        with ExitStack() as stack:
            ours, *others = self._started(stack, ("monai", "torch-em"))
            self._write_network(ours)
            for bfloat16 in (False, True):
                own = Job.made(ours, "predict", folder=str(self._folder), bfloat16=bfloat16)
                own.run(self._folder / "ours.npy")
                ways: dict[str, Job] = {}
                for other in others:
                    ways |= self._ways(other, bfloat16)
                notes = {name: self._differs(job, bfloat16) for name, job in ways.items()}
                one, *rest = in_turns([own, *ways.values()], settings)
                what = f"predict {settings.side} x {settings.side}, {_precision(bfloat16)}"
                yield from [
                    Row(what, name, one, seconds, note=notes[name])
                    for name, seconds in zip(ways, rest, strict=True)
                ]

    def strokes(self) -> Iterator[Row]:
        """Compare what it takes from strokes to a segmented image."""
        moments = {
            "first": "first answer: strokes on a new image to all its pixels",
            "more": "the same image after further strokes",
            "other": "another image with what was learned",
        }
        given = np.load(self._folder / "strokes.npz")
        with ExitStack() as stack:
            processes = self._started(stack, ("convpaint", "forest"))
            for moment, what in moments.items():
                asked = {"folder": str(self._folder), "moment": moment}
                jobs = [Job.made(process, "strokes", **asked) for process in processes]
                truth = given["other_truth" if moment == "other" else "truth"]
                shares = [_overlap(self._kept(job), truth) for job in jobs]
                one, *rest = in_turns(jobs, self._settings)
                yield from [
                    Row(what, other.program.name, one, seconds, note=_overlaps(shares[0], share))
                    for other, seconds, share in zip(processes[1:], rest, shares[1:], strict=True)
                ]

    def cold(self) -> Iterator[Row]:
        """Compare processes from start to first answer, and the most memory that they held."""
        folder = str(self._folder)
        with Process(OURS, threads=self._settings.threads) as process:
            self._write_network(process)
        window = {"window": max(self._settings.windows), "bfloat16": False}
        predictions: Mapping[str, Mapping[str, object]] = {
            "monai": {"network": "ours", "seamless": True, **window},
            "torch-em": window,
        }
        strokes = {"folder": folder, "moment": "first"}
        side = self._settings.side
        yield from self._cold(
            f"cold start to a prediction of {side} x {side}, float32",
            ("predict", {"folder": folder, "bfloat16": False}),
            {name: ("predict", {"folder": folder, **asked}) for name, asked in predictions.items()},
        )
        yield from self._cold(
            "cold start to a first answer from strokes",
            ("strokes", strokes),
            {name: ("strokes", strokes) for name in ("convpaint", "forest")},
        )

    def _cold(
        self,
        what: str,
        own: tuple[str, Mapping[str, object]],
        others: Mapping[str, tuple[str, Mapping[str, object]]],
    ) -> list[Row]:
        programs: dict[Program, tuple[str, Mapping[str, object]]] = {OURS: own}
        programs |= {PEERS[name]: others[name] for name in others if name in self._peers}
        spent: dict[Program, list[Spent]] = {program: [] for program in programs}
        if len(programs) == 1:
            return []
        for _ in range(1 + self._settings.rounds):  # the first reads the files from the disk
            for program, (job, arguments) in programs.items():
                with Process(program, threads=self._settings.threads) as process:
                    spent[program].append(Job.made(process, job, **arguments).run())
        clock = self._settings.clock
        seconds = {
            program: statistics.median(one.since_start[clock] for one in all_of[1:])
            for program, all_of in spent.items()
        }
        memory = {
            program: statistics.median(one.mebibytes for one in all_of[1:])
            for program, all_of in spent.items()
        }
        peers = [program for program in programs if program is not OURS]
        return [
            *(Row(what, peer.name, seconds[OURS], seconds[peer]) for peer in peers),
            *(
                Row(f"{what}: peak memory", peer.name, memory[OURS], memory[peer], "MiB")
                for peer in peers
            ),
        ]

    def _started(self, stack: ExitStack, can: Sequence[str]) -> list[Process]:
        """Return processes of ours and of the chosen ones of those."""
        programs = [OURS, *(PEERS[name] for name in can if name in self._peers)]
        return [
            stack.enter_context(Process(program, threads=self._settings.threads))
            for program in programs
        ]

    def _write_network(self, ours: Process) -> None:
        Job.made(ours, "files", folder=str(self._folder)).run()

    def _ways(self, other: Process, bfloat16: bool) -> dict[str, Job]:
        """Return the ways in which another program predicts, by name, in its fastest windows."""
        asked = {"folder": str(self._folder), "bfloat16": bfloat16}
        name = other.program.name
        kinds: dict[str, dict[str, object]] = {f"{name}, our network": {}}
        if other.program is PEERS.get("monai"):
            kinds = {
                f"{name}, our network": {"network": "ours", "seamless": True},
                f"{name}, its own U-Net": {"network": "its own", "seamless": True},
                f"{name}, our network, its usual overlap": {"network": "ours", "seamless": False},
            }
        first = next(iter(kinds.values()))
        windows = {
            window: Job.made(other, "predict", window=window, **first, **asked)
            for window in self._settings.windows
        }
        best = fastest(windows, self._settings)
        return {
            kind: Job.made(other, "predict", window=best, **more, **asked)
            for kind, more in kinds.items()
        }

    def _kept(self, job: Job) -> np.ndarray:
        path = self._folder / "kept.npy"
        job.run(path)
        found: np.ndarray = np.load(path)
        return found

    def _differs(self, job: Job, bfloat16: bool) -> str:
        """Say how far a prediction is from ours."""
        difference = float(np.nanmax(np.abs(self._kept(job) - np.load(self._folder / "ours.npy"))))
        if difference <= _EQUAL[bfloat16]:
            return f"equal to {difference:.0e}"
        return f"differs by up to {difference:.2f}"


def _precision(bfloat16: bool) -> str:
    return "bfloat16" if bfloat16 else "float32"


def _overlap(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean intersection over union of the classes but the first, background."""
    shares = []
    for index in range(1, int(truth.max()) + 1):
        there, said = truth == index, found == index + 1
        shares.append(float((there & said).sum() / max(1, (there | said).sum())))
    return statistics.mean(shares)


def _overlaps(ours: float, theirs: float) -> str:
    return f"IoU {ours:.2f} and {theirs:.2f}"
