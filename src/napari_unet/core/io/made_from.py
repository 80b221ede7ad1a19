"""What a result was made from, so that one of another image, model or options is known."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class MadeFrom:
    """What a result was made from; the same again would give the same result.

    Attributes
    ----------
    image
        See :func:`napari_unet.core.io.fingerprint.fingerprint`.
    model
        See :func:`napari_unet.core.models.header.digest_of`.
    options
        How, as JSON.
    """

    image: str
    model: str
    options: str

    def differences(self, other: MadeFrom) -> tuple[str, ...]:
        """Return in which of ``"image"``, ``"model"`` and ``"options"`` two differ."""
        names = (field.name for field in fields(self))
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))
