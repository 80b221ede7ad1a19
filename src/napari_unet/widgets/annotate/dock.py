"""The dock widget of the whole loop: choose, paint, train, segment."""

from napari.components import ViewerModel

from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.widgets.annotate.class_panel import ClassPanel
from napari_unet.widgets.annotate.class_scores_panel import ClassScoresPanel
from napari_unet.widgets.annotate.class_sync import ClassSync
from napari_unet.widgets.annotate.findings import ResultFindings, StrokeFindings
from napari_unet.widgets.annotate.folder_panel import FolderPanel
from napari_unet.widgets.annotate.keys import bind_keys
from napari_unet.widgets.annotate.layer_panel import LayerPanel
from napari_unet.widgets.annotate.live_sync import LiveLoop
from napari_unet.widgets.annotate.next_place_panel import NextPlacePanel
from napari_unet.widgets.annotate.place_finder import PlaceFinder
from napari_unet.widgets.annotate.plot_panel import PlotPanel
from napari_unet.widgets.annotate.segment_panel import SegmentPanel
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel, Dimensions, IntensityCombo
from napari_unet.widgets.annotate.train_panel import TrainPanel
from napari_unet.widgets.annotate.training import Training
from napari_unet.widgets.annotate.training_preview import LivePrediction
from napari_unet.widgets.common.model_row import ModelRow
from napari_unet.widgets.common.problem_report import ReportButton
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.desk.paint_watch import PaintWatch
from napari_unet.widgets.desk.shared import shared_by
from napari_unet.widgets.project.folder_images import FolderImages
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.project.opening import ProjectOpening
from napari_unet.widgets.project.panel import ProjectPanel
from napari_unet.widgets.project.versions_panel import HistoryPanel
from napari_unet.widgets.qt.connections import ended_with
from napari_unet.widgets.qt.docked import Docked
from napari_unet.widgets.qt.sections import section, stack


class AnnotateAndTrain(Docked):
    """Paint strokes on an image, train a U-Net on them in the background, see its prediction.

    ``session``: what it shows and does. ``folder_images``: goes from one image of a folder to
    another.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        shared = shared_by(napari_viewer, self)
        viewer, session = shared.viewer, shared.session
        self.session = session
        self.setObjectName("annotate_and_train")
        bind_keys(viewer, self)
        watch = PaintWatch(viewer, shared.choice, self)
        desk = Desk(viewer, session, shared.predictions, shared.choice, watch)
        training = Training(desk, self, shared.files)
        advanced = AdvancedPanel()
        advanced.add_row("Intensities", IntensityCombo(session))
        Dimensions(desk, advanced, self)
        ClassSync(desk, self)
        live = LiveLoop(desk, advanced.settings, self)
        LivePrediction(desk, advanced.device, self)
        finder = PlaceFinder(desk, advanced.device, self)
        train_panel = TrainPanel(desk, training, live, advanced.settings)
        settings = _Settings(advanced, train_panel)
        keeper = ProjectKeeper(desk, settings.read)
        advanced.changed.connect(keeper.tell)
        train_panel.seconds.valueChanged.connect(keeper.tell)
        opening = ProjectOpening(keeper, settings.show)
        for part in (opening, keeper):
            ended_with(self, part.close)
        opening.go_on()
        self.folder_images = FolderImages(desk, keeper, shared.files, self)
        folder = FolderPanel(self.folder_images)
        stack(
            self,
            section("Paint", LayerPanel(desk, folder.choose_button), ClassPanel(desk)),
            folder,
            section(
                "Train", train_panel, StrokeFindings(desk), PlotPanel(desk), ClassScoresPanel(desk)
            ),
            section(
                "Segment",
                SegmentPanel(desk, advanced.device),
                NextPlacePanel(finder),
                ResultFindings(desk),
            ),
            section("Model", ModelRow(session)),
            section(
                "Project",
                ProjectPanel(session, keeper, opening),
                HistoryPanel(session, keeper),
            ),
            advanced,
            ReportButton(session),
        )


class _Settings:
    """The settings of a training as the dock shows them."""

    def __init__(self, advanced: AdvancedPanel, train: TrainPanel) -> None:
        self._advanced = advanced
        self._seconds = train.seconds

    def read(self) -> TrainSettings | None:
        """Return them; ``None`` while one of them is not allowed."""
        try:
            return self._advanced.settings(self._seconds.value())
        except InvalidInput:
            return None

    def show(self, settings: TrainSettings) -> None:
        """Show others."""
        self._advanced.show(settings)
        if settings.seconds is not None:
            self._seconds.setValue(round(settings.seconds))
