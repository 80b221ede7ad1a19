"""The window under fire: a monkey for a while, and what became of it."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import napari

from benchmarks.attacks.ledger import Ledger, StrokesLost
from benchmarks.attacks.monkey import Monkey
from benchmarks.attacks.stalls import Stall
from benchmarks.attacks.watch import Belongings, belongings, let_run, settled, watched
from napari_unet.widgets.layers.roles import Role, role_of

CHECK_EVERY = 20  # actions
PAUSE = 0.02


@dataclass(frozen=True)
class Survived:
    """What a monkey did, and what it did to the program.

    Attributes
    ----------
    actions, strokes
        How many.
    kinds
        How often each kind of action.
    faults
        What was done, and the exception or what was lost.
    theirs
        The same of exceptions that napari raised by itself.
    stalls
        Times that the event loop was away for more than half a second, the worst first.
    left
        What was left of the plugin after all docks were closed; empty if nothing.
    seconds
        How long it took.
    """

    actions: int
    strokes: int
    kinds: Counter[str]
    faults: list[tuple[str, str]]
    theirs: list[tuple[str, str]]
    stalls: list[Stall]
    left: Belongings
    seconds: float


def under_fire(
    viewer: napari.Viewer,
    folder: Path,
    *,
    actions: int,
    seconds: float = 0.0,
    seed: int = 0,
    say: Callable[[str], None] = lambda _text: None,
) -> Survived:
    """Let a monkey act on a window, then close all docks.

    Parameters
    ----------
    viewer
        An empty viewer with a window.
    folder
        An empty folder for what it saves.
    actions, seconds
        How many actions, and how long at least, over which they are spread evenly.
    seed
        Of all it does.
    say
        Told each action before it is done, with its number.
    """
    _prepare(viewer, folder)
    ledger, start = Ledger(), time.perf_counter()
    kinds: Counter[str] = Counter()
    done = 0
    with watched() as watch:
        monkey = Monkey(viewer, seed, folder, ledger)
        before = belongings()
        with monkey.dialogs():
            monkey.begin()
            while done < actions or time.perf_counter() - start < seconds:
                watch.doing = f"action {done}: {monkey.plan()}"
                say(watch.doing)
                try:
                    monkey.act()
                    until_next = (done + 1) * seconds / actions - (time.perf_counter() - start)
                    let_run(max(PAUSE, until_next))
                    if monkey.opened_project and ledger.forget_gone(viewer.layers):
                        monkey.opened_project = False
                    if done % CHECK_EVERY == 0:
                        ledger.check(viewer.layers)
                        _follow(viewer, ledger)
                except StrokesLost as error:
                    watch.fault(str(error))
                    break
                except Exception:
                    watch.fault(traceback.format_exc())
                    ledger.take_all(viewer.layers)
                kinds[monkey.last] += 1
                done += 1
            watch.doing = "the end"
            monkey.close_docks()
            settled(lambda: belongings() == before)
        with_ledger = _last_check(ledger, viewer)
        faults = watch.faults + with_ledger
        left = belongings()
    stalls = sorted(watch.stalls, key=lambda stall: -stall.seconds)
    remains = Belongings(
        tuple((Counter(left.threads) - Counter(before.threads)).elements()),
        tuple((Counter(left.widgets) - Counter(before.widgets)).elements()),
    )
    took = time.perf_counter() - start
    return Survived(done, ledger.strokes, kinds, faults, watch.theirs, stalls, remains, took)


def _prepare(viewer: napari.Viewer, folder: Path) -> None:
    (folder / "no model.unet").write_bytes(b"PK\x03\x04 not a model")
    (folder / "empty.unet").write_bytes(b"")
    # Without a window manager no window becomes active by itself, and napari never takes back the
    # notifications of one that is not: they pile up, and each of them is drawn every time.
    viewer.window._qt_window.activateWindow()


def _follow(viewer: napari.Viewer, ledger: Ledger) -> None:
    """Watch layers of strokes that were made since."""
    for layer in viewer.layers:
        if role_of(layer) is Role.STROKES and layer not in ledger.layers:
            ledger.watch(layer)


def _last_check(ledger: Ledger, viewer: napari.Viewer) -> list[tuple[str, str]]:
    try:
        ledger.check(viewer.layers)
    except StrokesLost as error:
        return [("the end", str(error))]
    return []
