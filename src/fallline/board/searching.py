"""Search over runs: words in names, data, tags and recipes, and comparisons of their fields."""

import math
import re
from collections.abc import Callable, Mapping

from fallline.board.entries import BoardRun

_COMPARISON = re.compile(r"([^<>=]+)(<=|>=|<|>|=)(.+)")
_BY: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b or math.isclose(a, b, rel_tol=1e-9),
}
LONGEST = 500  # characters of a question


def matches(run: BoardRun, question: str) -> bool:
    """Whether a run answers a question: all of its words fit; a word after a minus must not.

    A word fits if it occurs in the name, the data, the status, a tag, or a line `field=value` of the recipe. A comparison,
    such as `learning_rate<0.01`, `score>=0.9` or `optimizer=adam`, fits if a field with such a path has such a value; the
    end of the path is enough.
    """
    return all(_fits(run, word) for word in question.lower()[:LONGEST].split())


def _fits(run: BoardRun, word: str) -> bool:
    if word.startswith("-") and len(word) > 1:
        return not _fits(run, word[1:])
    compared = _COMPARISON.fullmatch(word)
    if compared:
        path, how, value = compared.groups()
        found = _values(run, path)
        if found:
            return any(_holds(each, how, value) for each in found)
    entry = run.entry
    own = (run.name, entry.kind, entry.data, entry.outcome.replace("_", " "), run.status, entry.metric, *entry.tags)
    if any(word in each.lower() for each in own):
        return True
    return any(word in f"{path}={value}".lower() for path, value in run.settings.items())


def _values(run: BoardRun, path: str) -> list[str]:
    """The values of all fields whose path ends like this."""
    entry = run.entry
    facts: Mapping[str, object] = {
        "score": entry.score, "epochs": run.epochs, "seconds": entry.seconds, "status": run.status, "name": run.name,
        "kind": entry.kind, "data": entry.data, "outcome": entry.outcome, "metric": entry.metric,
    }  # fmt: skip
    if path == "tag":
        return list(entry.tags)
    if path in facts:
        return ["" if facts[path] is None else str(facts[path])]
    named = {**run.settings, **{name.replace(" ", "_"): str(value) for name, value in run.metrics.items()}}
    return [value for name, value in named.items() if f".{name.lower()}".endswith(f".{path}")]


def _holds(found: str, how: str, wanted: str) -> bool:
    try:
        return _BY[how](float(found), float(wanted))
    except ValueError:
        return how == "=" and found.lower() == wanted
