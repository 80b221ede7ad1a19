"""The dock widget that finds, measures and corrects cells, and teaches them to the model."""

from napari.components import ViewerModel

from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.clicks import CellClicks
from napari_unet.widgets.cells.correct_panel import CellEditPanel
from napari_unet.widgets.cells.edit_watch import CellWatch
from napari_unet.widgets.cells.find_panel import CellFindPanel
from napari_unet.widgets.cells.finding import CellFinding
from napari_unet.widgets.cells.kinds import CellKinds
from napari_unet.widgets.cells.kinds_panel import KindsPanel
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.cells.table_panel import CellTablePanel
from napari_unet.widgets.cells.teach_panel import CellTeachPanel
from napari_unet.widgets.cells.teaching import CellTeaching
from napari_unet.widgets.common.image_combo import ImageCombo
from napari_unet.widgets.common.model_row import ModelLine
from napari_unet.widgets.common.picture_row import PictureRow
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.desk.shared import shared_by
from napari_unet.widgets.qt.connections import ended_with
from napari_unet.widgets.qt.docked import Docked
from napari_unet.widgets.qt.sections import section, stack


class Cells(Docked):
    """Single cells: each with an id, a row in a table, and a way to correct it.

    ``session``: knows the model.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        shared = shared_by(napari_viewer, self)
        viewer, session = shared.viewer, shared.session
        self.session = session
        self.setObjectName("cells")
        choice = shared.choice
        bench, quick = Bench("cells-all"), Bench("cells-view")
        self.book = CellBook(viewer, choice, self)
        self.finding = CellFinding(self.book, session, bench, quick, self)
        self.selection = CellSelection(self.book, self)
        watch = CellWatch(self.book, self.finding, quick, self)
        teaching = CellTeaching(self.book, session, quick, self)
        clicks = CellClicks(self.book, self.selection, self)
        kinds_bench = Bench("cells-kinds")
        self.kinds = CellKinds(self.book, session, kinds_bench, self)
        for part in (bench, quick, kinds_bench):
            ended_with(self, part.close)
        table = CellTablePanel(self.book, self.selection, quick)
        self.finding.ended.connect(table.fill)
        self.kinds.told.connect(table.fill)
        kinds = KindsPanel(session, self.kinds, self.selection, clicks, table.view)
        cells = section("Cells", table)
        images = ImageCombo(viewer, choice, "cells_image_combo")
        edit = CellEditPanel(self.book, self.finding, self.selection, watch, quick)
        stack(
            self,
            section("Image", images, PictureRow(viewer, session, choice), ModelLine(session)),
            section("Find", CellFindPanel(viewer, session, choice, self.book, self.finding)),
            cells,
            section("Kinds", kinds),
            section("Correct", edit),
            section(
                "Learn",
                CellTeachPanel(self.book, self.finding, self.selection, teaching),
            ),
            stretch=cells,
        )
