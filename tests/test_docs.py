"""The documentation: every page can be found, links lead somewhere, and what it quotes is true."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import napari_unet

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
REPOSITORY = "https://example.org/us/napari-unet"


def load_hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", DOCS / "site_hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks = load_hooks()


def pages_in(entry: object) -> Iterator[str]:
    """Give the pages of a navigation: lists of names, or of titles with what is under them."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for below in entry.values():
            yield from pages_in(below)
    elif isinstance(entry, list):
        for item in entry:
            yield from pages_in(item)


def texts_of_the_program() -> str:
    """Return every string in the source, with a gap for each value that is put in."""
    found = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = [v.value if isinstance(v, ast.Constant) else "\0" for v in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


class TestNavigation:
    def test_has_every_page_once(self):
        written = {str(path.relative_to(DOCS).as_posix()) for path in DOCS.rglob("*.md")}
        assert sorted(pages_in(CONFIG["nav"])) == sorted(written | set(hooks.OUTSIDE))

    def test_pages_from_outside_docs_are_there_and_hide_no_other(self):
        for page, document in hooks.OUTSIDE.items():
            assert (ROOT / document).is_file()
            assert not (DOCS / page).exists()

    def test_every_page_can_be_reached_from_the_first_one_on_a_code_host_too(self):
        waiting, reached = [DOCS / "index.md"], set()
        while waiting:
            page = waiting.pop()
            reached.add(page)
            for target in re.findall(r"\]\(([^)\s#]+\.md)(?:#[^)\s]*)?\)", page.read_text()):
                there = (page.parent / target).resolve()
                if there not in reached and not re.match(r"[a-z]+:", target):
                    waiting.append(there)
        assert set(DOCS.rglob("*.md")) <= reached


class TestApi:
    def test_every_public_name_has_an_entry(self):
        pages = "\n".join(path.read_text() for path in (DOCS / "api").glob("*.md"))
        entries = set(re.findall(r"^::: napari_unet\.(\w+)$", pages, flags=re.MULTILINE))
        assert set(napari_unet.__all__) - {"__version__"} <= entries

    def test_every_public_name_is_in_the_table(self):
        table = (DOCS / "api" / "index.md").read_text()
        for name in set(napari_unet.__all__) - {"__version__"}:
            assert f"| [`{name}`](" in table, name


def test_what_is_quoted_in_the_table_of_symptoms_is_what_the_program_says():
    said = texts_of_the_program()
    page = (DOCS / "troubleshooting.md").read_text().partition("## Installation")[0]
    symptoms = [line.split("|")[1] for line in page.splitlines() if line.startswith("|")]
    quotes = [quote for symptom in symptoms for quote in re.findall(r'"([^"]+)"', symptom)]
    assert len(quotes) > 15
    for quote in quotes:
        for part in re.split(r"\.\.\.|\d+|\*", quote):
            assert part.strip() in said, quote


class TestTableOfKinds:
    """The table in `images.md`: a row a kind, a column a test that runs all kinds."""

    @pytest.fixture
    def section(self):
        page = (DOCS / "images.md").read_text()
        return page.partition("## What works on what")[2].partition("\n## ")[0]

    def test_has_a_row_for_every_kind(self, section):
        rows = re.findall(r"^\| [^|]+\(`([^`]+)`\) \|", section, flags=re.MULTILINE)
        kinds = (ROOT / "tests" / "kinds.py").read_text()
        assert rows == re.findall(r'^    Kind\("([^"]+)"', kinds, flags=re.MULTILINE)

    def test_has_a_test_for_every_column(self, section):
        columns = section.strip().partition("\n")[0].strip("|").split("|")[1:]
        named = re.findall(r"`(test_\w+)`", section)
        assert len(columns) == len(named)
        files = re.findall(r"\((\.\./tests/[^)]*test_kinds[^)]*)\)", section)
        trees = [ast.parse((DOCS / path).read_text()) for path in files]
        tests = {
            node.name: ast.unparse(node)
            for tree in trees
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
        }
        assert set(named) <= set(tests)
        # Either a kind a case, or all kinds that fit one model.
        assert all(re.search("every_kind|KINDS", tests[name]) for name in named)


class TestLinks:
    """`rewrite_links`: pages are written as for a code host and read in the site."""

    def test_between_pages_stay(self):
        text = "[a](live.md) [b](api/index.md#x) [c](#here) ![p](images/live.png)"
        assert hooks.rewrite_links(text, "index.md", None) == text

    def test_to_the_web_stay(self):
        text = "[a](https://napari.org/x.html) [b](mailto:somebody@example.org)"
        assert hooks.rewrite_links(text, "index.md", REPOSITORY) == text

    @pytest.mark.parametrize(
        ("page", "link", "expected"),
        [
            ("index.md", "../CHANGELOG.md", "changelog.md"),
            ("api/index.md", "../../benchmarks/README.md#live", "../benchmarks.md#live"),
            ("benchmarks.md", "../docs/method.md#live", "method.md#live"),
            ("contributing.md", "docs/api/errors.md", "api/errors.md"),
            ("contributing.md", "benchmarks/README.md", "benchmarks.md"),
        ],
    )
    def test_between_docs_and_documents_elsewhere_lead_to_the_page(self, page, link, expected):
        assert hooks.rewrite_links(f"[t]({link})", page, None) == f"[t]({expected})"

    @pytest.mark.parametrize(
        ("page", "link", "expected"),
        [
            (
                "paper.md",
                "../src/napari_unet/core/network/unet.py",
                "blob/HEAD/src/napari_unet/core/network/unet.py",
            ),
            ("api/index.md", "../../tests/core", "tree/HEAD/tests/core"),
            ("benchmarks.md", "crossval/fcn.py", "blob/HEAD/benchmarks/crossval/fcn.py"),
            ("contributing.md", "docs/site_hooks.py", "blob/HEAD/docs/site_hooks.py"),
        ],
    )
    def test_to_other_files_lead_to_the_repository(self, page, link, expected):
        rewritten = hooks.rewrite_links(f"[t]({link})", page, REPOSITORY)
        assert rewritten == f"[t]({REPOSITORY}/{expected})"

    def test_to_pictures_lead_to_the_picture(self):
        text = "![curves](../docs/images/annotator-curves.png)"
        rewritten = hooks.rewrite_links(text, "benchmarks.md", None)
        assert rewritten == "![curves](images/annotator-curves.png)"

    def test_to_other_files_are_code_while_there_is_no_repository(self):
        text = (
            "see [`core/network/unet.py`](../src/napari_unet/core/network/unet.py) and\n"
            "[the\nfile](../Makefile)."
        )
        assert hooks.rewrite_links(text, "method.md", None) == (
            'see `core/network/unet.py`{ title="src/napari_unet/core/network/unet.py" } and\n'
            '`the\nfile`{ title="Makefile" }.'
        )

    def test_in_code_are_left_alone(self):
        text = "```md\n[a](../src/x.py)\n```\n`[b](../src/x.py)`\n\n~~~\n[c](../src/x.py)\n~~~\n"
        assert hooks.rewrite_links(text, "method.md", REPOSITORY) == text


class TestLoadedFromElsewhere:
    @pytest.mark.parametrize(
        "tag",
        [
            '<script src="https://example.org/a.js">',
            '<link rel="stylesheet" href="//example.org/a.css">',
            "<link href=https://example.org rel=preconnect>",
            '<img alt="" src="http://example.org/a.png">',
        ],
    )
    def test_is_found(self, tag):
        assert hooks.loaded_from_elsewhere(f"<p>{tag}</p>") == [tag]

    @pytest.mark.parametrize(
        "tag",
        [
            '<script src="../assets/a.js">',
            '<a href="https://napari.org">',
            '<link rel="canonical" href="https://example.org/">',
        ],
    )
    def test_own_files_and_links_are_fine(self, tag):
        assert hooks.loaded_from_elsewhere(tag) == []
