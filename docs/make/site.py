"""Hooks of `mkdocs build`: pages that live elsewhere in the repository, and links that leave docs/."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
BROUGHT = {"workshop/changelog.md": "CHANGELOG.md", "workshop/contributing.md": "CONTRIBUTING.md"}
PLACES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "../index.md",
    "docs/": "../",
}


def on_files(files: Files, config: Any) -> Files:
    """The changelog, the advice for contributors and the licence are pages of the site too."""
    for place, source in BROUGHT.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=relinked(text)))
    return files


def relinked(text: str) -> str:
    """A page of the root with its links as seen from workshop/."""

    def moved(match: re.Match[str]) -> str:
        target = match[1]
        if target.startswith(("http", "#")):
            return match[0]
        if target == "README.md#the-tree":
            return "](index.md#the-tree)"
        for old, new in PLACES.items():
            if target.startswith(old):
                return f"]({new}{target.removeprefix(old)})"
        return f"]({target})"

    text = re.sub(r"\]\(LICENSE\)", "](https://www.apache.org/licenses/LICENSE-2.0)", text)
    return re.sub(r"\]\(([^)\s]+)\)", moved, text)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The tree of the source stands in the README alone; the workshop shows it too."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tree = readme.partition("## The tree\n")[2].partition("```")[2].partition("```")[0]
    return markdown.replace("<!-- the tree of the README -->", f"```text{tree}```")
