"""A training's weights while it runs, so that it can go on where it was interrupted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.crossval.results import Training, training_from
from napari_unet.core.io.atomic import make_folder, write_whole
from napari_unet.core.models.model import Model
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import UserError


@dataclass(frozen=True, eq=False)
class Kept:
    """What a checkpoint holds.

    Attributes
    ----------
    model, score
        The best model so far, and its score on the held-out pixels.
    training
        How it went so far.
    finished
        Whether the training has ended.
    """

    model: Model
    score: float
    training: Training
    finished: bool


class Checkpoint:
    """Two files: the model, and how its training went.

    Parameters
    ----------
    stem
        Path without an ending; its folder is made when it is written to.
    """

    def __init__(self, stem: Path) -> None:
        self._weights = stem.with_name(stem.name + ".unet")
        self._state = stem.with_name(stem.name + ".json")

    def write(
        self,
        model: Model,
        training: Training,
        score: float,
        made_with: tuple[object, ...],
        *,
        finished: bool,
    ) -> None:
        """Replace what is kept; the state last, as it says that the model is whole."""
        make_folder(self._weights.parent)
        model.save(self._weights)
        state = {
            "made_with": made_with,
            "score": score,
            "finished": finished,
            "training": asdict(training),
        }
        write_whole(self._state, json.dumps(state).encode())

    def read(self, made_with: tuple[object, ...]) -> Kept | None:
        """Return what is kept, or ``None`` if there is nothing that was made with these settings.

        A file that cannot be read is as good as none: the training begins anew.
        """
        try:
            state = json.loads(self._state.read_bytes())
            if state["made_with"] != list(made_with):
                return None
            training = training_from(state["training"])
            return Kept(load_model(self._weights), state["score"], training, state["finished"])
        except (OSError, ValueError, TypeError, LookupError, UserError):
            return None
