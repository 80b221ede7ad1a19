"""What the rule for grey values sees in fields without cells, and in cells that bleach.

Nothing is trained. Run as ``python -m benchmarks.emptiness``: three draws of each field of
``benchmarks.intensities``.
"""

from __future__ import annotations

import numpy as np

from benchmarks.intensities import _BLEACHED, UNCLEAR, Case, field, strokes, unclear
from napari_unet.core.images.intensity import Scaling, with_ground
from napari_unet.core.images.lazy_plane import intensities_of

_DRAWS = (1, 2, 3)


def cases() -> list[Case]:
    """Return what is looked at, by name."""
    found: list[Case] = [("an empty field", lambda rng, soft: [field(0, rng)])]
    found += [(name, unclear(add)) for name, add in UNCLEAR.items()]
    for left in _BLEACHED:

        def taken(rng: np.random.Generator, soft: bool, left: float = left) -> list:
            return [field(40, rng, soft=soft, signal=left) for soft in (False, True)]

        found.append((f"40 cells, {left:.0%} of their signal", taken))
    return found


def main() -> None:
    """Print one table: the smallest and the largest of each."""
    painted = field(40, np.random.default_rng(0))
    background = painted.image[strokes(painted) == 1][None]
    scaling = Scaling(reference=with_ground(intensities_of(painted.image[None]), background))
    print("| field | percentiles apart, in units of noise | evenness | empty |\n|---|---|---|---|")
    for name, make in cases():
        fields = [one for draw in _DRAWS for one in make(np.random.default_rng(draw), False)]
        seen = [intensities_of(one.image[None]) for one in fields]
        columns = (
            [one.bulk / one.noise for (one,) in seen],
            [one.evenness for (one,) in seen],
            [scaling.emptiness(one) for one in seen],
        )
        ends = " | ".join(f"{min(values):.2f} - {max(values):.2f}" for values in columns)
        print(f"| {name} | {ends} |")


if __name__ == "__main__":
    main()
