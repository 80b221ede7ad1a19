"""A learner's process without a network: ``python scripted_process.py STARTS BEHAVIOUR...``.

Each start adds a byte to the file STARTS and takes the next behaviour; the last one repeats:

- ``answer``: ends each training with a model ``b"best"`` and each prediction with nothing;
- ``hang``: tells of a better model ``b"best"`` once a training begins, and never answers again;
- ``mute``: says that it is ready, and nothing else;
- ``crash``: dies when it gets a request, with a last word;
- ``cut``: tells of a better model ``b"best"``, and ends as ssh does when its line breaks;
- ``refuse``: dies at once, with a last word;
- ``chatter``: prints what is no message, instead of what a learner says.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from napari_unet.learner import frames
from napari_unet.learner.greeting import greet
from napari_unet.learner.messages import (
    Improved,
    Predicted,
    Ready,
    Reply,
    StopRequest,
    Trained,
    TrainRequest,
)
from napari_unet.learner.shelf import LearnersShelf


def next_behaviour(starts: Path, behaviours: list[str]) -> str:
    with starts.open("ab") as file:
        file.write(b".")
    return behaviours[min(starts.stat().st_size, len(behaviours)) - 1]


def say(job: int, content: object) -> None:
    frames.send(sys.stdout.buffer, Reply(job, content))


def main() -> None:
    behaviour = next_behaviour(Path(sys.argv[1]), sys.argv[2:])
    if behaviour == "refuse":
        sys.exit("no torch here")
    if behaviour == "chatter":
        print("Welcome to this computer! " * 10_000, flush=True)
        time.sleep(60)
    print("a login shell says something", flush=True)
    greet(sys.stdout.buffer)
    say(0, Ready(behaviour))
    source, shelf = sys.stdin.buffer.raw, LearnersShelf()
    while True:
        try:
            request = frames.receive(source, shelf)
        except EOFError:
            return
        if behaviour == "crash":
            sys.exit("segmentation fault or so")
        if behaviour == "mute" or isinstance(request, StopRequest):
            continue
        training = isinstance(request, TrainRequest)
        if training:
            say(request.job, Improved(25, 0.5, b"best"))
        if behaviour == "cut":
            print("client_loop: send disconnect: Broken pipe", file=sys.stderr)
            sys.exit(255)
        if behaviour == "answer":
            done = Trained(50, 1.0, "budget", 0.5, b"best") if training else Predicted(False)
            say(request.job, done)


if __name__ == "__main__":
    main()
