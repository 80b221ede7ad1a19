"""The rest of a folder that is worked on image by image, as a part of a batch."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QWidget

from napari_unet.core.batch.candidate import Candidate
from napari_unet.core.batch.find_images import Found, OpenFile, result_names
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import BatchPlan, PlannedItem, plan_items
from napari_unet.core.batch.report import STATUS_WORDS
from napari_unet.core.batch.run import ItemEnded
from napari_unet.core.prediction.tile_probabilities import Described
from napari_unet.errors import Stopped
from napari_unet.session.working_set import WorkingSet
from napari_unet.widgets.qt.build import column
from napari_unet.widgets.qt.connections import Connections


class FolderBox(QWidget):
    """Lets the images of the folder that nobody painted on be segmented, and says what became.

    It is not there without a folder. What was planned of files is kept until :meth:`forget`, since
    each is opened for it. Signal: ``changed()``, when other files are to be segmented.
    """

    changed = Signal()

    def __init__(self, files: WorkingSet) -> None:
        super().__init__()
        self._files = files
        self._rest: tuple[Path, ...] = ()
        self._planned: tuple[object, BatchPlan] | None = None
        self._ended: Counter[str] = Counter()
        self._problem = ""
        self._frozen = False
        self.box = QCheckBox()
        self.box.setObjectName("batch_folder_check")
        self.box.setAccessibleName("The folder's other images")
        self.box.setToolTip("Segment the images of the folder that were not painted on, from files")
        self.label = QLabel()
        self.label.setObjectName("batch_folder_status")
        self.label.setWordWrap(True)
        column(self, self.box, self.label)
        links = Connections(self)
        links.add(files.changed, self._on_changed)
        links.add(files.batch_wanted, self._on_wanted)
        self.box.toggled.connect(self._on_toggled)
        self._on_changed()

    @property
    def folder(self) -> Path | None:
        """The folder, if files of it are to be segmented."""
        return self._files.folder if self._rest and self.box.isChecked() else None

    @property
    def usual_output(self) -> Path | None:
        """Where its results go where nobody has chosen another place: beside it."""
        folder = self._files.folder
        return None if folder is None else folder.with_name(f"{folder.name} results")

    def candidates(self) -> tuple[Candidate, ...]:
        """Return the files that are to be segmented."""
        folder = self.folder
        if folder is None:
            return ()
        found = [Found(path, path.relative_to(folder).parent) for path in self._rest]
        return tuple(
            Candidate(self._files.name(item.path), name, OpenFile(item.path, None, None))
            for item, name in zip(found, result_names(found), strict=True)
        )

    def plan(
        self,
        candidates: tuple[Candidate, ...],
        model: Described,
        output: Path,
        options: BatchOptions,
        stopped: Callable[[], bool],
    ) -> tuple[PlannedItem, ...]:
        """Look at each file, in a thread; what was looked at for the same is not again."""
        if not candidates:
            return ()
        key = tuple(x.name for x in candidates), self._files.folder, model.digest, output, options

        def each() -> Iterator[Candidate]:
            for candidate in candidates:
                if stopped():
                    raise Stopped
                yield candidate

        if self._planned is None or self._planned[0] != key:
            self._planned = key, plan_items(each(), model, output, options)
        return self._planned[1].items

    def forget(self) -> None:
        """Look at the files again for the next plan."""
        self._planned = None

    def say(self, text: str) -> None:
        """Say what will become of the files."""
        self.label.setText(text)
        self.label.setVisible(bool(text))

    def begin(self) -> None:
        """Say what becomes of them, from now on; they stay the same until :meth:`end`."""
        self._frozen, self._problem = True, ""
        self._ended.clear()
        self.box.setEnabled(False)
        self.say("waiting")

    def report(self, ended: ItemEnded) -> None:
        """Take in what became of a file."""
        self._ended[STATUS_WORDS[ended.status]] += 1
        if ended.status == "failed":
            self._problem = f"; {ended.item.name}: {ended.sentence}"
        counts = ", ".join(f"{count} {word}" for word, count in self._ended.items())
        self.say(f"{counts} of {len(self._rest)} files{self._problem}")

    def end(self, output: Path | None) -> None:
        """Take other files again; the results are in that folder."""
        self._frozen = False
        self.box.setEnabled(True)
        self.forget()
        self._on_changed()
        if output is not None and self._ended:
            self._files.segmented_into.emit(output)

    def _on_changed(self) -> None:
        rest = self._files.rest
        self.setVisible(self._files.folder is not None)
        if self._frozen or rest == self._rest:
            return
        self._rest = rest
        name = "" if self._files.folder is None else self._files.folder.name
        self.box.setText(
            f"{len(rest)} image{'s' * (len(rest) != 1)} of {name} that nobody painted on"
        )
        self.box.setVisible(bool(rest))
        if self.box.isChecked():
            self.changed.emit()

    def _on_wanted(self) -> None:
        self.box.setChecked(True)

    def _on_toggled(self) -> None:
        self.say("")
        self.changed.emit()
