"""How the run of a folder ended, by its metrics."""

import contextlib
from pathlib import Path

from fallline.core.errors import FalllineError
from fallline.core.reading import read_json
from fallline.core.shape import Entries, Text

_ENDED = Entries({"outcome": Text()}, open=True)


def outcome_of(folder: Path) -> str:
    """The outcome recorded in a run folder's metrics; empty if they cannot be read."""
    with contextlib.suppress(FalllineError):
        found = read_json(folder / "metrics.json", _ENDED, "metrics", "train again")
        return str(found["outcome"])
    return ""
