"""The images of a folder: which is next, what was done to each."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unet.session.working_set import Mark, WorkingSet

FOLDER = Path("/plate")
FILES = tuple(FOLDER / name for name in ("a.tif", "b.tif", "c.tif"))


@pytest.fixture
def files() -> WorkingSet:
    found = WorkingSet()
    found.use(FOLDER, FILES)
    return found


def test_next_and_previous_end_at_the_ends(files):
    assert files.beside(None, 1) == FILES[0]
    assert files.beside(FILES[0], 1) == FILES[1]
    assert files.beside(FILES[2], 1) is None
    assert files.beside(FILES[0], -1) is None


def test_what_cannot_be_read_is_passed_over_until_its_file_is_another(tmp_path):
    names = [tmp_path / name for name in ("a.tif", "b.tif", "c.tif")]
    for path in names:
        path.touch()
    files = WorkingSet()
    files.use(tmp_path, names)
    files.refuse(names[1])
    files.use(tmp_path, names)  # the window was come back to
    assert files.beside(names[0], 1) == names[2]
    assert files.mark(names[1]).text == "cannot be read"
    names[1].write_bytes(b"copied again")
    files.use(tmp_path, names)
    assert files.beside(names[0], 1) == names[1]


def test_painted_images_that_are_gone_are_listed_last_and_never_next(files):
    gone = FOLDER / "b was.tif"
    files.know({gone: Mark.PAINTED | Mark.GONE}, ())
    assert files.files == (*FILES, gone)
    assert files.mark(gone).text == "painted, not found"
    assert files.beside(FILES[2], 1) is None


def test_the_rest_is_what_nobody_painted_on_or_corrected(files):
    files.know({FILES[0]: Mark.PAINTED, FILES[1]: Mark.SEGMENTED, FILES[2]: Mark.CORRECTED}, ())
    assert files.rest == (FILES[1],)
    assert files.painted == 1
    assert [files.mark(path).text for path in FILES] == ["painted", "segmented", "corrected"]
    assert Mark.NONE.text == "untouched"


def test_another_folder_shows_nothing_yet(files):
    files.show(FILES[0])
    files.use(FOLDER, FILES[:2])
    assert files.shown == FILES[0]
    files.use(Path("/other"), [Path("/other/a.tif")])
    assert files.shown is None
