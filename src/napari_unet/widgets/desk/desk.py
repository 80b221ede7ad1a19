"""What the parts of one dock work with."""

from dataclasses import dataclass

from napari.components import ViewerModel

from napari_unet.session.session import Session
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.paint_watch import PaintWatch
from napari_unet.widgets.desk.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Desk:
    """A viewer, its session and predictions, what is chosen, and how much of it is painted."""

    viewer: ViewerModel
    session: Session
    predictions: Predictions
    choice: Choice
    watch: PaintWatch
