"""What holds the repository together: manifest, versions, dependencies, imports, documents."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml
from npe2 import PluginManifest
from packaging.requirements import Requirement

from napari_unet.cli import main

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_unet"
MODULES = sorted(PACKAGE.rglob("*.py"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
WINDOW = {"napari", "qtpy", "superqt", "magicgui", "pyqtgraph", "vispy", "PyQt6", "PySide6"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()


def requirements() -> list[Requirement]:
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for lines in lists for line in lines]


def imported_by(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found.add((node.module or "").split(".")[0])
    return found


def anchors(path: Path) -> set[str]:
    """Return the names by which a document's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-") for text in headings}


def code_blocks(text: str) -> str:
    return "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))


def test_the_manifest_is_valid_and_its_commands_can_be_imported() -> None:
    manifest = PluginManifest.from_file(PACKAGE / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == PROJECT["name"]


def test_the_manifest_offers_the_docks_and_the_sample() -> None:
    contributions = PluginManifest.from_file(PACKAGE / "napari.yaml").contributions
    titles = [widget.display_name for widget in contributions.widgets or []]
    assert titles == [
        "Annotate and train",
        "Cells",
        "Batch segment open layers",
        "Report a problem",
    ]
    assert len(contributions.sample_data or []) == 1


def test_changelog_and_citation_have_the_version_of_the_package() -> None:
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"]
    assert str(citation()["version"]) == PROJECT["version"]


def citation() -> dict:
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_citation_names_the_paper_and_the_licence() -> None:
    content = citation()
    for key in ("cff-version", "message", "title", "authors"):  # what the format asks for
        assert content[key]
    assert content["license"] == PROJECT["license"]
    paper = content["references"][0]
    assert paper["doi"] == "10.1007/978-3-319-24574-4_28"
    assert [author["family-names"] for author in paper["authors"]] == [
        "Ronneberger",
        "Fischer",
        "Brox",
    ]


def test_dependencies_have_lower_bounds_only() -> None:
    for requirement in requirements():
        if requirement.name != PROJECT["name"]:
            assert [s.operator for s in requirement.specifier] == [">="], requirement


def test_the_base_package_needs_no_window() -> None:
    needed = {Requirement(line).name.lower() for line in PROJECT["dependencies"]}
    assert not needed & {name.lower() for name in WINDOW}


def test_constraints_pin_every_direct_dependency() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    for pin in pins:
        (specifier,) = pin.specifier
        assert specifier.operator == "==", pin
        assert "+" not in specifier.version, f"{pin} is a local build"
    versions = {pin.name.lower(): next(iter(pin.specifier)).version for pin in pins}
    assert versions["torch"] == "2.13.0"
    for requirement in requirements():
        if requirement.name != PROJECT["name"]:
            assert requirement.specifier.contains(versions[requirement.name.lower()])


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_that_is_read_can_be_a_program(path: Path) -> None:
    imported = imported_by(path)
    if path.relative_to(PACKAGE) != Path("learner/frames.py"):
        assert not imported & {"pickle", "dill", "cloudpickle", "shelve", "joblib"}
    assert not re.search(r"torch\.load\(|allow_pickle=True", path.read_text())


def test_files_and_folders_can_be_taken_in_at_a_glance() -> None:
    lines = {str(p.relative_to(PACKAGE)): p.read_text().count("\n") for p in MODULES}
    assert {name for name, count in lines.items() if count > 300} == set()
    full = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert {folder: files for folder, files in full.items() if files > 25} == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shell_commands_in_documents_are_known(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = document.read_text()
    for command in sorted(set(re.findall(r"napari-unet ([a-z]+)\b", code_blocks(text)))):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, command
        help_text = capsys.readouterr().out
        for line in re.findall(rf"napari-unet {command}\b(.*)", code_blocks(text)):
            for option in re.findall(r"(?<=\s)--[a-z-]+", line):
                assert option in help_text, f"{command} {option}"


def test_make_targets_in_documents_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    assert {"demo", "test"} <= set(re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        lines = re.findall(r"^make ((?:[a-z-]+ ?)+)", code_blocks(text), flags=re.MULTILINE)
        inline = re.findall(r"`make ((?:[a-z-]+ ?)+)`", text)
        for target in " ".join([*lines, *inline]).split():
            assert target in targets, f"{document.name}: make {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name) if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@pytest.mark.parametrize("name", ["paper.md", "reliability.md"])
def test_what_a_page_names_is_in_the_file_beside_it(name: str) -> None:
    """Each link to a file is followed by names that are defined there."""
    page = ROOT / "docs" / name
    named = re.findall(r"\]\((\.\./\S+?\.py)\) ((?:`\w+`(?:, )?)+)", page.read_text())
    assert len(named) > 30
    for link, names in named:
        text = (page.parent / link).read_text()
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"^ *(def {name}\(|class {name}\b|{name}\b.* = )", text, re.M), name


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index


def test_pictures_are_used_and_small() -> None:
    everything = "".join(document.read_text() for document in DOCUMENTS)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert f"images/{picture.name})" in everything, picture.name
        most = 2_000_000 if picture.suffix == ".gif" else 400_000
        assert picture.stat().st_size < most, picture.name
