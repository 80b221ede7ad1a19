"""Say what the refiner is worth: ``python -m starter.judge --data FOLDER --folder FOLDER``.

Somebody paints strokes on two images of a set and corrects, round by round, what the forest and
the linear head together (FL) get wrong; five other images are scored. The same strokes, and what
the forest (F) and the linear head (L) made of them, are kept in the folder, so that another
refiner (R) is judged in a minute. What is shown is FL once and R twice, divided by three; LR is
what it makes of the linear head alone, where a training with the preset ``pretrained`` begins.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from benchmarks.strokes.annotator import Annotator
from benchmarks.strokes.datasets import IGNORED, Picture, load
from safetensors.torch import load_file

from napari_unet.core.forest.class_map import mixed
from napari_unet.core.forest.filters import filters
from napari_unet.core.forest.linear_head import fit_linear_head
from napari_unet.core.forest.random_forest import fit_forest
from napari_unet.core.images.arrange import as_plane
from napari_unet.core.images.normalise import normalise
from napari_unet.core.network.encoder import Taps, fill_up
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.refiner import Refiner
from napari_unet.core.network.taps import values_at
from starter.corpus import JUDGED
from starter.refining import Refining

_SIDE = 448  # of the images' middle that is used
_MOST_PIXELS = 1200  # of a class, that a forest is fitted on

METHODS = ("F", "L", "FL", "R", "LR", "shown")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of image sets")
    parser.add_argument("--folder", type=Path, required=True, help="for what is kept")
    parser.add_argument("--sets", nargs="+", default=list(JUDGED))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--refiner", type=Path, required=True, help="its weights")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    columns = "  ".join(f"{name:>11}" for name in METHODS)
    print(f"{'mean IoU of the rounds / of the last':32}{columns}", flush=True)
    network, table = read_refiner(options.refiner), []
    for name in options.sets:
        for seed in options.seeds:
            path = options.folder / f"{name}-{seed}-{options.rounds}.npz"
            if not path.exists():
                simulate(options.data / name, seed, options.rounds, path)
            ious = judge(path, network)
            table.append(ious)
            _say(f"{name}, seed {seed}", ious)
    _say("mean", np.mean(table, axis=0))


def _say(name: str, ious: np.ndarray) -> None:
    cells = [f"{row.mean():.3f}/{row[-1]:.3f}" for row in ious]
    print(f"{name:32}" + "  ".join(f"{cell:>11}" for cell in cells), flush=True)


def read_refiner(path: Path) -> Refiner:
    """Return the refiner of a file, ready to predict."""
    network = Refiner()
    network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    network.eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class Seen:
    """An image with its filters and taps.

    Parameters
    ----------
    picture
        Of which the middle is used.
    """

    def __init__(self, picture: Picture) -> None:
        plane = normalise(as_plane(picture.image))
        top, left = (max(0, (size - _SIDE) // 2) for size in picture.truth.shape)
        here = np.s_[..., top : top + _SIDE, left : left + _SIDE]
        self.image, self.truth = plane[here], picture.truth[here]
        self.size = self.truth.shape
        self.filters = filters(self.image)
        with torch.inference_mode():
            full = fill_up(torch.from_numpy(self.image[None]))
            self.taps: Taps = pretrained_encoder(len(plane))(full)


def simulate(folder: Path, seed: int, rounds: int, path: Path) -> None:
    """Paint and correct on two images; write what F and L say of the other images."""
    data = load(folder, seed)
    training, test = ([Seen(one) for one in part] for part in (data.training, data.test))
    annotator = Annotator(
        [one.truth for one in training], data.classes, np.random.default_rng(seed)
    )
    rng = np.random.default_rng(0)
    kept: dict[str, np.ndarray] = {"classes": np.array(data.classes), "images": np.array(len(test))}
    for index, one in enumerate(test):
        kept |= {f"image{index}": one.image, f"truth{index}": one.truth}
    shown: list[np.ndarray] = []
    for number in range(rounds):
        if number == 0:
            annotator.begin()
        else:
            annotator.correct([p.argmax(axis=0) + 1 for p in shown])
        chosen = [_painted(rng, labels, data.classes) for labels in annotator.labels]
        classes = np.concatenate([k for _, _, k in chosen])
        values, taps = (
            np.concatenate(
                [way(one, r, c) for one, (r, c, _) in zip(training, chosen, strict=True)]
            )
            for way in (
                lambda one, r, c: one.filters[r, c],
                lambda one, r, c: values_at(one.taps, r, c),
            )
        )
        forest = fit_forest(values, classes, data.classes, seed=seed)
        head = fit_linear_head(taps, classes, data.classes)

        def both(one: Seen) -> tuple[np.ndarray, np.ndarray]:
            linear = head.predict_taps(one.taps, one.size).numpy()  # noqa: B023
            return forest.predict(one.filters), linear  # noqa: B023

        shown = [np.mean(both(one), axis=0) for one in training]
        for index, one in enumerate(test):
            kept[f"answers{number}_{index}"] = np.stack(both(one)).astype(np.float16)
    kept["rounds"] = np.array(rounds)
    np.savez(path, **kept)  # type: ignore[arg-type]


def judge(path: Path, network: Refiner) -> np.ndarray:
    """Return the mean IoU of the foreground classes, (methods, rounds)."""
    with np.load(path) as kept:
        rounds, classes, images = (int(kept[name]) for name in ("rounds", "classes", "images"))
        counts = np.zeros((len(METHODS), rounds, classes, classes), np.int64)
        for index in range(images):
            image, truth = kept[f"image{index}"], kept[f"truth{index}"]
            seen = Refining(network, image)
            for number in range(rounds):
                forest, linear = kept[f"answers{number}_{index}"].astype(np.float32)
                guide = (forest + linear) / 2
                refined = seen.refined(guide)
                of_linear = seen.refined(linear)
                answers = (forest, linear, guide, refined, of_linear, mixed(guide, refined))
                for count, answer in zip(counts[:, number], answers, strict=True):
                    count += _pairs(truth, answer.argmax(axis=0), classes)
    return np.array([[mean_iou(one) for one in row] for row in counts])


def mean_iou(counts: np.ndarray) -> float:
    """Return the mean over the foreground classes of (K, K) counts of truth and answer."""
    union = counts.sum(axis=0) + counts.sum(axis=1) - counts.diagonal()
    return float(np.mean([counts[k, k] / union[k] for k in range(1, len(union)) if union[k]]))


def _pairs(truth: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    known = truth != IGNORED
    both = classes * truth[known].astype(np.int64) + found[known]
    return np.bincount(both, minlength=classes**2).reshape(classes, classes)


def _painted(
    rng: np.random.Generator, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and classes of painted pixels, of each class at most so many."""
    places: Sequence[np.ndarray] = [np.flatnonzero(labels == k + 1) for k in range(classes)]
    chosen = np.concatenate([rng.permutation(one)[: _MOST_PIXELS // 2] for one in places])
    rows, columns = np.unravel_index(chosen, labels.shape)
    return rows, columns, labels.ravel()[chosen].astype(np.int64) - 1


if __name__ == "__main__":
    main()
