"""How good a model is at each class, and the way to the stroke that it is worst at."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fakes import model_file
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import ClassReport
from napari_unet.widgets.annotate.class_scores_panel import ClassScoresPanel
from napari_unet.widgets.layers.strokes import new_annotation

CLASSES = describe_classes((1, 2), "scribbles")


def report(**changes):
    known = {"iou": 0.5, "precision": 0.75, "recall": None, "strokes": 3, "pixels": 1234}
    return ClassReport(**known | changes)


@pytest.fixture
def image(model):
    return model.add_image(np.zeros((5, 40, 50)), name="stack")


@pytest.fixture
def strokes(model, image):
    layer = new_annotation(image, CLASSES)
    layer.data[1, 20, 30] = 2
    return model.add_layer(layer)


@pytest.fixture
def said(session):
    texts = []
    session.said.connect(lambda _level, text: texts.append(text))
    return texts


@pytest.fixture
def panel(qtbot, model, session, image, strokes, said):
    choice = SimpleNamespace(image=image, annotation=strokes)
    widget = ClassScoresPanel(SimpleNamespace(viewer=model, session=session, choice=choice))
    qtbot.addWidget(widget)
    return widget


def use(session, tmp_path, **said):
    path = tmp_path / "model.unet"
    path.write_bytes(model_file(said=said))
    session.load_model(path)


def row(panel, number):
    return [panel.table.item(number, at).text() for at in range(panel.table.columnCount())]


def test_it_is_folded_away_until_somebody_looks(panel):
    assert not panel.fold.isExpanded()
    assert panel.fold.toggleButton().text() == "How good, by class"


def test_the_table_has_all_of_the_room_there_is(qtbot, panel):
    panel.resize(330, 400)
    with qtbot.waitExposed(panel):
        panel.show()
    panel.fold.expand(animate=False)
    qtbot.waitUntil(lambda: panel.table.width() == panel.width())


def test_a_model_without_held_out_strokes_says_what_to_paint(panel, session, tmp_path):
    use(session, tmp_path)
    assert panel.table.rowCount() == 0
    assert panel.mistake.text().startswith("Paint four strokes of each class or more")


def test_the_model_in_use_is_shown(panel, session, tmp_path):
    reports = {1: report(), 2: report(iou=0.25, strokes=4, pixels=7)}
    use(session, tmp_path, by_class=reports, mistake=(2, 1, 0.117))
    assert row(panel, 0) == ["background", "0.50", "0.75", "-", "3", "1,234"]
    assert row(panel, 1)[:2] == ["class 2", "0.25"]
    assert panel.mistake.text() == "Class 2 taken for background in 12% of its held-out pixels."
    session.rename_class(2, "nuclei")
    assert row(panel, 1)[0] == "nuclei"
    assert panel.mistake.text().startswith("Nuclei taken for background")
    session.forget_model()
    assert panel.table.rowCount() == 0


def test_no_mistake_is_said_too(panel, session, tmp_path):
    use(session, tmp_path, by_class={1: report(), 2: report()})
    assert panel.mistake.text() == "No held-out stroke is taken for another class."


def test_a_click_goes_to_the_worst_stroke(panel, session, tmp_path, model, said):
    worst = report(worst=(1, 20, 30), worst_right=0.25)
    use(session, tmp_path, by_class={1: report(), 2: worst}, mistake=(2, 1, 0.5))
    model.dims.set_point(0, 0)
    panel.table.cellClicked.emit(1, 0)
    assert said[-1] == "25% of this stroke of class 2 is predicted right."
    assert model.dims.current_step[0] == 1
    panel.table.cellClicked.emit(0, 0)
    assert said[-1] == "every held-out stroke of background is predicted right."


@pytest.mark.parametrize("worst", [(1, 20, 31), (0, 20, 30), (20, 30), (9, 20, 30)])
def test_a_stroke_that_is_gone_or_of_another_image_is_told(panel, session, tmp_path, said, worst):
    use(session, tmp_path, by_class={1: report(), 2: report(worst=worst)})
    panel.table.cellClicked.emit(1, 0)
    assert said[-1] == "that stroke is not in this image any more."
