"""Every picture of README and docs is one that ``make pictures``, or a benchmark, draws."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SCRIPTS = (ROOT / "docs" / "make_pictures.py", ROOT / "docs" / "make_animation.py")
FROM_BENCHMARKS = {
    "annotator-curves.png": "benchmarks/strokes/figures.py",
    "isbi2012-curves.png": "benchmarks/crossval/pictures.py",
    "u373-curves.png": "benchmarks/crossval/pictures.py",
}


def shown() -> set[str]:
    """Return the names of the pictures that any document shows."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    return set(re.findall(r"!\[[^\]]*\]\([^)]*?images/([\w-]+\.\w+)\)", texts))


def drawn() -> set[str]:
    """Return the names of the pictures that the scripts write."""
    return {
        node.value
        for script in SCRIPTS
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[\w-]+\.(png|gif)", node.value)
    }


def test_each_that_is_shown_is_drawn_and_the_other_way_round():
    assert shown() == drawn() | set(FROM_BENCHMARKS)
    for name, source in FROM_BENCHMARKS.items():
        assert name.rpartition("-")[2] in (ROOT / source).read_text(encoding="utf-8")


def test_each_that_is_shown_is_there_and_no_other():
    assert {path.name for path in IMAGES.iterdir()} == shown()
