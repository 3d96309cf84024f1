"""A source by the arguments that a command or a recipe file gives: a table in memory, or a stream."""

from __future__ import annotations

from typing import Any

from fallline.core.errors import FalllineError
from fallline.data.table import Table, load
from fallline.streams.files import is_stream
from fallline.streams.stream import Stream, scan

_OF_STREAMS = ("split", "memory", "cache")
_OF_TABLES = {  # what a stream does not take, and what to do instead
    "test_source": "split its rows with split='file', or evaluate the model on the other files",
    "valid_source": "split its rows with split='file'",
    "groups": "give the column as split, which keeps rows with one value together",
    "time": "train on the earlier files, and evaluate the model on the later ones",
    "stratify": "the shares of a large table are equal on average",
    "weights": "weigh classes with class_weight",
    "image_size": "images are read from a folder FOLDER/CLASS/*.png",
    "drop_missing_target": "remove the rows without a target from the files",
}


def opened(**arguments: Any) -> Table | Stream:
    """The table that `load` reads, or the stream that `scan` opens.

    It is a stream if the source is a folder of tables, a pattern or a list of files, or if `memory`, `split` or `cache` is
    given.

    Raises:
        FalllineError: as `load` and `scan` do; or a stream is given what only a table in memory takes.
    """
    if not is_stream(arguments["source"]) and not any(each in arguments for each in _OF_STREAMS):
        return load(**arguments)
    given = next((each for each in _OF_TABLES if each in arguments), None)
    if given is not None:
        raise FalllineError(f"{given} is for tables in memory and not for a stream: {_OF_TABLES[given]}")
    return scan(**arguments)


def in_memory_if_it_fits(data: Table | Stream) -> Table | Stream:
    """All rows as a table in memory if they fit there, otherwise the stream itself."""
    return data.table() if isinstance(data, Stream) and data.fits else data


def table_of(data: Table | Stream) -> Table:
    """The table itself; all rows of a stream if they fit into its memory, otherwise its sample."""
    if isinstance(data, Table):
        return data
    return data.table() if data.fits else data.sample


def counts_of(data: Table | Stream) -> dict[str, int]:
    """The number of rows that train, validate and test."""
    if isinstance(data, Stream):
        return data.counts
    return {name: len(getattr(data.dataset, name)) for name in ("train", "valid", "test")}
