"""Files that belong together are given in the same order: their names must not say otherwise."""

from collections.abc import Sequence
from pathlib import Path

from napari_unet.core.segmentation.result_paths import stem_of
from napari_unet.errors import InvalidInput


def check_pairs(firsts: Sequence[Path], seconds: Sequence[Path]) -> None:
    """Refuse pairs of files where one is named after another one's partner.

    Names that say nothing are fine, and so are files that are given more than once; refused is
    ``b_labels.tif`` beside ``a.tif`` if there is a ``b.tif``.
    """
    if len(set(firsts)) < len(firsts) or len(set(seconds)) < len(seconds):
        return
    for ones, others in ((firsts, seconds), (seconds, firsts)):
        for number, file in enumerate(ones):
            lengths = [len(stem_of(x)) if _is_named_after(file, x) else 0 for x in others]
            longest = max(lengths)
            if lengths[number] < longest:
                raise InvalidInput(
                    f"{file} is given for {others[number]}, and is named after "
                    f"{others[lengths.index(longest)]}; give both in the same order, or rename it."
                )


def _is_named_after(file: Path, other: Path) -> bool:
    """Return whether a name begins or ends with that of another: ``a_labels`` with ``a``."""
    name, stem = stem_of(file), stem_of(other)
    begins = name.startswith(stem) and not name[len(stem) :][:1].isalnum()
    ends = name.endswith(stem) and not name[: len(name) - len(stem)][-1:].isalnum()
    return begins or ends
