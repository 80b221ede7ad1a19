"""What the site does with files and links outside docs/.

The pages are written for two readers: a code host, where `../src/...` leads to the file, and the
site, which holds docs/ alone. So a few documents from elsewhere become pages, and links to other
files lead to the repository, if pyproject.toml names one, or else become plain code.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

# Documents outside docs/ that are pages of the site, by the page's name.
OUTSIDE = {
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "starter.md": "starter/README.md",
}

# Code goes first at each place, so that what looks like a link in it is left alone; in a link's
# text code is allowed, which is why this is one expression.
_CODE_OR_LINK = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)|(?P<ticks>`+)[^`].*?(?P=ticks)"
    r"|(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)",
    flags=re.MULTILINE | re.DOTALL,
)
_ROLE = re.compile(r":(?:attr|class|func|meth|mod):<code>~?(?P<name>[\w.]+)</code>")
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^>]*>"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preconnect|preload|dns-prefetch|icon))"
    r"[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>",
    flags=re.IGNORECASE,
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings in links as a code host does."""
    from pymdownx.slugs import slugify

    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the documents outside docs/ as pages."""
    from mkdocs.structure.files import File

    for page, document in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / document)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point each link to where its target is in the site."""
    return rewrite_links(markdown, page.file.src_uri, repository_url())


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make the docstrings' references to other names links, where these have a page."""
    return _ROLE.sub(_reference, html)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that loads something from another host."""
    loaded = loaded_from_elsewhere(output)
    if loaded:
        from mkdocs.exceptions import PluginError

        raise PluginError(f"{page.file.src_uri} loads from another host: {', '.join(loaded)}")
    return output


def repository_url() -> str | None:
    """Return where the repository can be seen, as pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = {name.lower(): url for name, url in project.get("urls", {}).items()}
    return urls.get("repository") or urls.get("source")


def rewrite_links(markdown: str, page: str, repository: str | None) -> str:
    """Return a page's text with links that work in the site.

    Parameters
    ----------
    markdown
        Text with links as they are right in the repository.
    page
        The page in the site, for example ``"api/training.md"``.
    repository
        URL of the repository on a code host, ``None`` if there is none.
    """
    written_in = posixpath.dirname(OUTSIDE.get(page, f"docs/{page}"))

    def replaced(match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if target is None or re.match(r"[a-z]+:|#|/", target):
            return match[0]
        path, _, anchor = target.partition("#")
        path = posixpath.normpath(posixpath.join(written_in, path))
        there = _page_of(path)
        if there is not None:
            relative = posixpath.relpath(there, posixpath.dirname(page) or ".")
            return f"{match['picture']}[{text}]({relative}{'#' * bool(anchor)}{anchor})"
        if match["picture"]:
            return match[0]
        if repository is not None:
            kind = "tree" if (ROOT / path).is_dir() else "blob"
            return f"[{text}]({repository.rstrip('/')}/{kind}/HEAD/{path})"
        return f'`{text.replace("`", "")}`{{ title="{path}" }}'

    return _CODE_OR_LINK.sub(replaced, markdown)


def loaded_from_elsewhere(html: str) -> list[str]:
    """Return the tags of a page that make a browser ask another host."""
    return _LOADED.findall(html)


def _reference(match: re.Match[str]) -> str:
    name = match["name"]
    whole = name if name.startswith("napari_unet.") else f"napari_unet.{name}"
    short = name.rpartition(".")[2]
    return f'<autoref identifier="{whole}" optional><code>{short}</code></autoref>'


def _page_of(path: str) -> str | None:
    """Return the page or picture of the site that a path in the repository is, if it is one."""
    for page, document in OUTSIDE.items():
        if path == document:
            return page
    in_docs = path.startswith("docs/") and not path.endswith(".py")
    return path.removeprefix("docs/") if in_docs else None
