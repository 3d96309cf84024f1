"""Whether the site's search finds names: `python docs/make/found.py NAMES [SITE]` after `mkdocs build`.

NAMES is a text or Markdown file. Its names are the first cells of its tables, and what stands between commas, semicolons,
colons, brackets and stops below its headings, if it has at most four words and is no formula. A name is found if a single
section of the site has all its words; the search would also be content with some of them. It prints the names that are not
found and exits with 1 if there are any.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 4  # words of a name
FORMULA = re.compile(r".*[=<>|^+]|^[\W\d]*$")
SEPARATOR = re.compile(r"[\s\-_.,:;(){}\"`/]+")  # that of the search in mkdocs.yml
# Words that name nothing: they join names.
JOINING = {
    "a", "all", "also", "and", "any", "as", "at", "both", "by", "each", "either", "for", "from", "in", "into", "is", "it",
    "its", "of", "on", "only", "or", "the", "to", "with",
}  # fmt: skip


def names_in(text: str) -> list[str]:
    """The names in a text, each once.

    >>> names_in("## Layers\\nDense, Maxout and so on, x = a + b (the last).\\n| rule | update |\\n|---|---|\\n| SGD | w -= g |")
    ['SGD', 'Layers', 'Dense', 'Maxout and so on', 'last']
    """
    return list(dict.fromkeys(filter(None, (_name(each) for each in _pieces(text)))))


def _pieces(text: str) -> Iterator[str]:
    head, prose = False, []
    for line in re.sub(r"[*`]", "", text[max(0, text.find("## ")) :]).splitlines():
        is_row = line.startswith("|")
        if is_row and head and not re.match(r"\|[-| ]+$", line):
            yield from line.split("|")[1].split(",")
        head = is_row
        # A heading and an item of a list end what was said before.
        prose.append(
            "" if is_row else f". {line} ." if line.startswith("#") else f". {line}" if line.startswith("- ") else line
        )
    yield from re.split(r"[,;:()]|\.(?:\s|$)| - ", " ".join(prose))


def _name(piece: str) -> str:
    words = [each for each in piece.strip(" .#-").split() if each]
    while words and words[0].lower() in JOINING:
        words = words[1:]
    said = " ".join(words)
    return "" if not 0 < len(words) <= LONGEST or FORMULA.match(said) else said


def sections_of(index: Path) -> list[set[str]]:
    """The words of every section of the site, as the search knows them."""
    entries = json.loads(index.read_text(encoding="utf-8"))["docs"]
    return [_words(f"{each['title']} {re.sub(r'<[^>]+>', ' ', each['text'])}") for each in entries]


def _words(text: str) -> set[str]:
    return {_stem(each) for each in SEPARATOR.split(text.lower()) if each and each not in JOINING}


def _stem(word: str) -> str:
    """A word without the endings that the search ignores."""
    return re.sub(r"(?:ation|ing|ed|es|s|e)$", "", word) if len(word) > 4 else word


def missing(names: list[str], sections: list[set[str]]) -> list[str]:
    """The names that no section has.

    >>> missing(["Warm restarts", "zebra"], [_words("Cosine with warm restarts")])
    ['zebra']
    """
    return [name for name in names if not any(_words(name) <= each for each in sections)]


def main() -> int:
    file, *more = sys.argv[1:]
    site = Path(more[0]) if more else ROOT / "site"
    names = names_in(Path(file).read_text(encoding="utf-8"))
    lost = missing(names, sections_of(site / "search/search_index.json"))
    print(*lost, f"{len(names) - len(lost)} of {len(names)} names are found.", sep="\n")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
