"""Settings of trainings, validated once, free of torch."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_unet.core.labels.classes import LabelKind
from napari_unet.core.network.config import DeviceName, Precision, PresetName
from napari_unet.errors import InvalidInput

_Length = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TrainSettings(BaseModel):
    """How to train.

    Attributes
    ----------
    label_kind
        ``scribbles``: 0 unlabelled, 1 background, 2.. classes; ``classes``: dense, 0 is a class;
        ``instances``: dense, 0 background, each object its own id.
    preset
        Network and training recipe.
    seconds, steps
        Budget; exactly one of the two. With ``steps`` a training can be repeated exactly.
    device
        Where to compute; ``auto`` takes a GPU where there is one.
    precision
        Of the passes; ``auto`` takes what is fastest on the device, and what it took stands in the
        model.
    seed
        Seed of every random draw.
    learning_rate
        ``None`` takes the preset's.
    elastic
        Standard deviation in pixels of the displacements of the elastic deformation
        (Ronneberger et al. 2015, section 3.1: 10); 0 switches it off.
    w0, sigma
        Border weights (Ronneberger et al. 2015, equation 2); ``w0=0`` switches them off.
    dimensions
        2: every plane is an image of its own; 3: volumes.
    voxel_size
        Size of a voxel as (plane, row, column), in any unit, for volumes; ``None`` for cubes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label_kind: LabelKind = "scribbles"
    preset: PresetName = "pretrained"
    seconds: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, gt=0)
    device: DeviceName = "auto"
    precision: Precision = "auto"
    seed: int = Field(default=0, ge=0, lt=2**63)
    learning_rate: float | None = Field(default=None, gt=0)
    elastic: float = Field(default=10.0, ge=0)
    w0: float = Field(default=10.0, ge=0)
    sigma: float = Field(default=5.0, gt=0)
    dimensions: Literal[2, 3] = 2
    voxel_size: tuple[_Length, _Length, _Length] | None = None

    @property
    def cubes(self) -> tuple[float, float, float] | None:
        """Size of a voxel, also where none was given; ``None`` in 2D."""
        return (self.voxel_size or (1.0, 1.0, 1.0)) if self.dimensions == 3 else None

    @model_validator(mode="after")
    def _voxels_are_of_volumes(self) -> Self:
        if self.voxel_size is not None and self.dimensions == 2:
            raise ValueError("a voxel size is for volumes; give dimensions=3 too")
        return self

    @model_validator(mode="after")
    def _one_budget(self) -> Self:
        if (self.seconds is None) == (self.steps is None):
            raise ValueError("give a budget either in seconds or in steps")
        return self

    @classmethod
    def checked(cls, **values: object) -> TrainSettings:
        """Build settings from user input.

        Raises
        ------
        InvalidInput
            A value is not allowed; the message names it.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            reason = first["msg"].removeprefix("Value error, ")
            raise InvalidInput(f"{name}: {reason}." if name else f"{reason}.") from None
