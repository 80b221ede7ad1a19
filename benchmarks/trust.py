"""What the program survives: ``python -m benchmarks.trust``.

A monkey in the real window, faults that are injected, bad input, how soon Stop answers, and what
is held after many rounds of work. Needs a display, for example ``xvfb-run``. Without ``--long``
each part takes a minute or two; what is then run is what the tests run.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from qtpy.QtWidgets import QApplication

from benchmarks.attacks.stops import Stop, batch_stops, session_stops, shell_stops

COUNTS = "NAPARI_UNET_COUNTS"  # the tests write there what they tried, see tests/counting.py
SHOWN_STALLS = 15
STALL_GOAL, STOP_GOAL, MEMORY_GOAL = 1.0, 0.5, 0.05
_SHELF_FULL = 80  # rounds: until then the learner keeps each round's model, up to 256 MiB in all


def window(long: bool, seed: int) -> bool:
    """Let a monkey act on the window."""
    import napari

    from benchmarks.attacks.window import under_fire

    actions, seconds = (2000, 600.0) if long else (200, 0.0)
    viewer = napari.Viewer()
    with tempfile.TemporaryDirectory() as folder:
        end = under_fire(viewer, Path(folder), actions=actions, seconds=seconds, seed=seed)
    viewer.close()
    print(f"{end.actions} actions in {end.seconds:.0f} s, seed {seed}; {end.strokes} strokes")
    print(", ".join(f"{name} {count}" for name, count in end.kinds.most_common()))
    print(f"faults: {len(end.faults)}")
    for doing, text in end.faults:
        print(f"- {doing}: {text}")
    for doing, text in end.theirs:
        print(f"- napari by itself, {doing}: {text.strip().splitlines()[-1]}")
    print(f"left behind: {', '.join((*end.left.threads, *end.left.widgets)) or 'nothing'}")
    for name, stalls in (
        ("with lines of ours", [stall for stall in end.stalls if stall.ours]),
        ("of napari alone", [stall for stall in end.stalls if not stall.ours]),
    ):
        longest = max((stall.seconds for stall in stalls), default=0.0)
        work = max((stall.cpu for stall in stalls), default=0.0)
        print(
            f"stalls over 0.5 s, {name}: {len(stalls)}, the longest {longest:.2f} s, the most work "
            f"of the main thread in one {work:.2f} s"
        )
    for stall in end.stalls[:SHOWN_STALLS]:
        print(f"- {stall}")
    long = [stall for stall in end.stalls if stall.ours and stall.cpu > STALL_GOAL]
    for stall in long:
        print(f"- too long: {stall}")
    left = (*end.left.threads, *end.left.widgets)
    return not end.faults and not left and not long


def rounds(long: bool, _seed: int) -> bool:
    """Paint, train and segment over and over."""
    import napari

    from benchmarks.attacks.rounds import growth, long_use

    viewer = napari.Viewer()
    print("| round | window, MiB | learner, MiB | threads | files | Qt objects |")
    print("|---|---|---|---|---|---|")

    def say(number: int, use: object) -> None:
        if number in (1, 5) or number % 10 == 0:
            print(
                f"| {number} | {use.window:.0f} | {use.learner:.0f} "  # type: ignore[attr-defined]
                f"| {use.threads} | {use.files} | {use.objects} |",  # type: ignore[attr-defined]
                flush=True,
            )

    uses = long_use(viewer, 200 if long else 14, say)
    viewer.close()
    names = ("window", "learner", "threads", "files", "objects")
    after = _SHELF_FULL if long else 10
    grown = {name: growth(uses, name, after) for name in names}
    shares = ", ".join(f"{name} {share:+.1%}" for name, share in grown.items())
    print(f"\ngrowth from round {after} to {len(uses)}, by a straight line: {shares}")
    return max(grown.values()) < MEMORY_GOAL


def stops(long: bool, _seed: int) -> bool:
    """Stop work of every kind."""
    application = QApplication.instance() or QApplication([])  # lives as long as it is named
    application.setQuitOnLastWindowClosed(False)
    sides, times = ((1024, 4096), 5) if long else ((512,), 2)
    found: dict[str, list[float]] = {}
    for side in sides:
        with tempfile.TemporaryDirectory() as folder:
            _collect(found, session_stops(side, side // 64, times))
            _collect(found, batch_stops(Path(folder), side, times))
            _collect(found, shell_stops(Path(folder), side, times))
    print("| stopped | times | median, s | worst, s |\n|---|---|---|---|")
    for what, seconds in found.items():
        print(f"| {what} | {len(seconds)} | {np.median(seconds):.2f} | {max(seconds):.2f} |")
    answers = [s for what, times in found.items() if not what.startswith("the end") for s in times]
    print(f"| all answers | {len(answers)} | {np.median(answers):.2f} | {max(answers):.2f} |")
    return max(answers) <= STOP_GOAL


def faults(long: bool, _seed: int) -> bool:
    """Run the tests that inject faults and count what was injected."""
    return _counted("faults", ["-m", "fault or slow and fault" if long else "fault"])


def inputs(long: bool, seed: int) -> bool:
    """Run the tests that try bad input and count what was tried."""
    options = ["--hypothesis-profile=torture", f"--hypothesis-seed={seed}"] if long else []
    return _counted("inputs", ["tests/fuzz", *options])


PARTS: dict[str, Callable[[bool, int], bool]] = {
    "window": window,
    "faults": faults,
    "inputs": inputs,
    "stops": stops,
    "rounds": rounds,
}


def _collect(found: dict[str, list[float]], stops: Iterable[Stop]) -> None:
    for stop in stops:
        found.setdefault(stop.what, []).append(stop.seconds)


def _counted(section: str, options: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "counts.json"
        command = [sys.executable, "-m", "pytest", "--quiet", "--timeout=3600", *options]
        done = subprocess.run(command, env=os.environ | {COUNTS: str(path)}, check=False)
        counts = json.loads(path.read_text())[section]
    print("| kind | tried and survived |\n|---|---|")
    for kind, count in sorted(counts.items()):
        print(f"| {kind} | {count} |")
    print(f"| all | {sum(counts.values())} |")
    return done.returncode == 0


def main() -> int:
    """Print the tables; return 1 if something did not survive or a goal was missed."""
    faulthandler.enable()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--long", action="store_true", help="what `make torture` runs")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()  # nothing is kept for anybody's next start
    passed = True
    for name in options.parts or PARTS:
        print(f"\n## {name}: {PARTS[name].__doc__}\n", flush=True)
        reached = PARTS[name](options.long, options.seed)
        print(f"\n{name}: {'as it should be' if reached else 'NOT as it should be'}", flush=True)
        passed = passed and reached
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
