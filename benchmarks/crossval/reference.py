"""What the paper reports (Ronneberger et al. 2015, tables 1 and 2), and how it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ISBI = (
    "the challenge's 30 test slices, whose labels are not public; trained on all 30 slices that "
    "are cross-validated here; {how}; scored by the challenge in 2015"
)
_U_NET = (
    "10 h on an NVidia Titan (6 GB), mean over 7 rotated versions of an image; under a second an "
    "image of 512 x 512 on a GPU"
)
_CTC = (
    "the Cell Tracking Challenge's {test} test set, whose labels are not public; trained on {n} "
    "partially annotated images; SEG of the challenge"
)


@dataclass(frozen=True)
class Reference:
    """A published figure.

    Attributes
    ----------
    name
        Of method and data.
    scores
        By the names of :mod:`benchmarks.crossval.summary`.
    protocol
        How it was measured.
    """

    name: str
    scores: Mapping[str, float]
    protocol: str


REFERENCES: dict[str, tuple[Reference, ...]] = {
    "membranes": (
        Reference(
            "paper: U-Net, ISBI 2012",
            {"warping error": 0.000353, "Rand error": 0.0382, "pixel error": 0.0611},
            _ISBI.format(how=_U_NET),
        ),
        Reference(
            "paper: IDSIA (Ciresan et al. 2012), ISBI 2012",
            {"warping error": 0.000420, "Rand error": 0.0504, "pixel error": 0.0613},
            _ISBI.format(how="mean of four networks, output calibrated"),
        ),
    ),
    "objects": (
        Reference(
            "paper: U-Net, PhC-U373",
            {"SEG": 0.9203},
            _CTC.format(test="PhC-U373", n=35),
        ),
        Reference(
            "paper: U-Net, DIC-HeLa",
            {"SEG": 0.7756},
            _CTC.format(test="DIC-HeLa", n=20),
        ),
    ),
    "classes": (),
}
