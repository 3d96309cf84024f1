"""Reads plain words of `fallline predict` without the option parser, which takes as long as a prediction of few rows.

Only what can mean one thing is read here. Everything else, such as help, mistakes and abbreviations, goes to the parser.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMPLETING = "_FALLLINE_COMPLETE"  # set by the shell when it asks for completions
FLAGS = ("append", "probabilities", "spread", "json")
NUMBERS = ("threshold", "interval")
_NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+")


def ran(arguments: Sequence[str]) -> Any:
    """The exit code of `fallline predict`; None if the option parser must read these arguments."""
    options = None if COMPLETING in os.environ else read(arguments)
    if options is None:
        return None
    from fallline.cli.predicting import predict_rows

    return predict_rows(**options)


def read(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The arguments of `predict_rows`; None for anything but plain words of that command.

    >>> read(["predict", "run", "rows.csv", "--threshold", "0.3"])
    {'threshold': 0.3, 'model': PosixPath('run'), 'source': 'rows.csv'}
    >>> read(["predict", "run", "--help"])
    """
    if arguments[:1] != ["predict"]:
        return None
    options: dict[str, Any] = {}
    places: list[str] = []
    words = iter(arguments[1:])
    for word in words:
        if not word.startswith("-"):
            places.append(word)
            continue
        name = word.removeprefix("--")
        if name in FLAGS:
            options[name] = True
            continue
        value = next(words, "")
        if name in options or not value or value.startswith("-") or not _takes(name, value):
            return None
        if name == "id":
            options["id_"] = [*options.get("id_", []), value]
        else:
            options[name] = float(value) if name in NUMBERS else Path(value) if name == "out" else value
    if len(places) != 2 or not all(places):
        return None
    return options | {"model": Path(places[0]), "source": places[1]}


def _takes(name: str, value: str) -> bool:
    return name in ("id", "names", "out") or (name in NUMBERS and _NUMBER.fullmatch(value) is not None)
