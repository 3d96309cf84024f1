"""`scan(source, target) -> Stream`: a table that is read piece by piece, in as many passes as a training needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline._version import __version__
from fallline.core.budget import available, parse_size
from fallline.core.errors import FalllineError
from fallline.data.building import target_names
from fallline.data.dataset import Dataset
from fallline.data.leaks import find_leaks
from fallline.data.schema import Schema
from fallline.data.table import Table
from fallline.streams.blocks import StreamBlock
from fallline.streams.cache import Cache
from fallline.streams.collecting import Collected, StreamCollector
from fallline.streams.encoding import EncodedRows, Encoder, joined
from fallline.streams.files import find_files
from fallline.streams.layout import ColumnLayout, layout_of
from fallline.streams.learning import Wanted, hashes_of, learn
from fallline.streams.prepared import PreparedStream, load_prepared, save_prepared
from fallline.streams.reading import Opened, open_file, piece_rows
from fallline.streams.splitting import PARTS, Splitting

if TYPE_CHECKING:
    import polars as pl

LEAST_MEMORY = 10**9
RUNNING = 700_000_000  # bytes that Python, JAX, Polars and compiling take beside the rows
_COPIES = 3  # of the encoded rows, in a training in memory


class Stream:
    """A table in files that need not fit into memory. `scan` makes one.

    The files are read in two passes when something is first asked of their rows: one learns the schema, and one encodes
    the rows into blocks, which are kept in a cache on the local disk. A later stream of the same files, unchanged, uses
    both again.

    Attributes:
        name: name of the table.
        source: the arguments with which `scan` makes this stream again.
        memory: bytes that a training on the stream may take in all.
    """

    def __init__(
        self,
        name: str,
        where: str,
        files: list[Opened],
        layout: ColumnLayout,
        wanted: Wanted,
        source: dict[str, Any],
        memory: int,
        cache: int | None,
    ) -> None:
        self.name, self.where, self.source, self.memory = name, where, source, memory
        self._files, self._layout, self._wanted = files, layout, wanted
        self.piece = piece_rows(len(layout.columns))
        self._cache = Cache(self.key, cache)
        self._readers = [_PieceReader(each, self.piece) for each in files]
        self._last: tuple[int, StreamBlock] | None = None
        self.told: Callable[[str, int], None] = lambda what, rows: None

    def __repr__(self) -> str:
        """The name, and the number of files and columns."""
        return f"Stream({self.name!r}, {len(self._files)} files, {len(self._layout.columns)} columns)"

    @property
    def schema(self) -> Schema:
        """The encoding of its columns and of the target."""
        return self.prepared.learnt.schema

    @property
    def task(self) -> str:
        """The task: "classification", "regression" or "multilabel"."""
        return self.schema.target.task

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence about each thing that was dropped or looks odd."""
        return self.prepared.remarks

    @property
    def collected(self) -> Collected:
        """What the second pass gathered of the encoded rows."""
        return self.prepared.collected

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows that train, validate and test."""
        return dict(zip(PARTS, map(int, self.collected.counts.sum(axis=0)), strict=True))

    @property
    def row_bytes(self) -> int:
        """Bytes of an encoded row with its target."""
        return 4 * len(self.schema.feature_names) + 8 * len(self.schema.target.names)

    @property
    def fits(self) -> bool:
        """Whether all rows can be trained on in memory."""
        return RUNNING + _COPIES * self.row_bytes * sum(self.counts.values()) <= self.memory

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files' identities, the encoding and the split; equal for the same rows, encoded and split alike."""
        return hashlib.sha256(f"{self._block_key} {self.collected.counts.tolist()}".encode()).hexdigest()

    def frames(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """All rows, piece by piece, with the name of the file that each piece is of."""
        for each in self._files:
            for frame in each.pieces(self.piece):
                yield each.file.name, self._layout.aligned(frame)

    @property
    def separator(self) -> str:
        """Separator of the cells of its text files; "" for other files."""
        return self._files[0].separator

    def part(self, block: int, part: int) -> EncodedRows:
        """The rows of a block that train (0), validate (1) or test (2): from the cache, or encoded anew.

        Raises:
            FalllineError: the block is not in the cache, and its file has changed or vanished.
        """
        found = self._cache.read(block, part)
        if found is None or len(found[0]) != self.collected.counts[block, part] or not self.encoder.fits(found[0]):
            return self._encoded(block).part(part)
        return found[0]

    @cached_property
    def sample(self) -> Table:
        """A table of some rows of each part, the same ones in every run: what a training looks at besides its minibatches.

        A part with at most about 80,000 rows is there as a whole.
        """
        return self._table(list(self.collected.samples))

    def table(self) -> Table:
        """All rows as a table in memory, with the stream's split.

        Raises:
            FalllineError: they do not fit into the stream's memory.
        """
        if not self.fits:
            raise FalllineError(
                f"the {sum(self.counts.values()):,} rows of {self.where} do not fit into {self.memory / 1e9:.3g} GB: train on "
                "the stream itself, or take stream.sample"
            )
        parts = [[self.part(block, index) for index in range(3)] for block in range(len(self.collected.counts))]
        return self._table([joined(list(each)) for each in zip(*parts, strict=True)])

    def _table(self, parts: list[EncodedRows]) -> Table:
        rows = joined(parts)
        x = np.empty((len(rows), len(self.schema.feature_names)), np.float32)
        self.encoder.expand(rows, x)
        ends = np.cumsum([len(each) for each in parts])
        train, valid, test = (
            np.arange(end - len(each), end, dtype=np.int32) for each, end in zip(parts, ends, strict=True)
        )
        target = self.schema.target
        seen = target.condition(rows.y)
        differs = target.task == "regression" and (target.conditioned or not np.array_equal(seen, rows.y))
        truth = rows.y if differs else None
        dataset = Dataset(
            x, seen, None, train, valid, test, self.schema.scaled, target.task, target.n_classes, truth, target.factor
        )  # fmt: skip
        return Table(self.name, self.schema, dataset, self.warnings, self.source)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoding of its rows."""
        return Encoder(self.schema, self.prepared.learnt.decimal)

    @property
    def notes(self) -> list[str]:
        """A sentence if the cache does not hold all blocks."""
        refused = self._cache.refused
        return [f"{refused}: blocks that it lacks are encoded anew in every epoch"] if refused else []

    @cached_property
    def key(self) -> str:
        """Digest of the files, the wishes and the version: what the schema and the blocks depend on."""
        wanted, splitting = self._wanted, self._wanted.splitting
        said = [
            __version__,
            [each.file.identity for each in self._files],
            [list(map(list, each.file.keys)) for each in self._files],
            [(name, str(dtype)) for name, dtype in self._layout.columns.items()],
            wanted.target, sorted(wanted.kinds.items()), wanted.task, wanted.missing,
            [splitting.test, splitting.valid, splitting.seed, splitting.by],
            self.source.get("names"), self.piece,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    @property
    def _block_key(self) -> str:
        return f"{self.key} {json.dumps(self.schema.to_dict(), sort_keys=True)}"

    def take(self, key: str, prepared: PreparedStream) -> None:
        """Takes over what a stream of the same files has learnt in another process.

        Raises:
            FalllineError: the files there were others.
        """
        if key != self.key:
            raise FalllineError(
                f"{self.where}, as a worker finds it, is not what this run began with: expected the same files, of the same "
                "sizes and times of change, and the same version of Fallline"
            )
        self.prepared = prepared

    @cached_property
    def prepared(self) -> PreparedStream:
        """What both passes learn; the first to ask for it begins them."""
        if not self._wanted.target:
            raise FalllineError(f"no target was named for {self.where}: name the column to predict")
        kept = None
        if self._cache.used:
            kept = load_prepared(self._cache.folder, self.key, len(self._files), self.piece)
        if kept is None:
            kept = self._prepare()
        self._cache.touch()
        return kept

    def _prepare(self) -> PreparedStream:
        learnt = learn(
            self._files, self._layout, self._wanted, self.where, self.piece, lambda rows: self.told("learning", rows)
        )
        encoder = Encoder(learnt.schema, learnt.decimal)
        collector, block, done = StreamCollector(encoder), 0, 0
        for index, rows in enumerate(learnt.rows):
            for start in range(0, rows, self.piece):
                content = self._cache.whole(block)
                if content is None or not encoder.fits(content.rows):
                    content = self._encoded_by(encoder, index, start)
                    self._cache.write(block, content)
                collector.add(content, self._files[index].file.name, start)
                block, done = block + 1, done + len(content.rows)
                self.told("encoding", done)
        collected = collector.collected()
        remarks = (*learnt.remarks, *encoder.remarks.values(), *_leaks(encoder, collected))
        found = PreparedStream(learnt, collected, remarks)
        if not collected.counts[:, 0].sum():
            raise FalllineError(f"no row of {self.where} trains: lower the shares for test and validation")
        if self._cache.used and not self._cache.refused:
            try:
                save_prepared(self._cache.folder, found, self.key)
            except (FalllineError, OSError) as problem:
                self._cache.refused = str(problem)
        return found

    def _encoded(self, block: int) -> StreamBlock:
        """A block, encoded from its file, and kept if there is room; the last one is remembered."""
        if self._last is not None and self._last[0] == block:
            return self._last[1]
        index, start = self._starts[block]
        if self._files[index].file.kind == "text" and self._cache.refused:
            raise FalllineError(
                f"{self._cache.refused}, and text files cannot be read in the order of a training: free space for the cache, "
                "or convert the files to Parquet"
            )
        content = self._encoded_by(self.encoder, index, start)
        self._cache.write(block, content)
        self._last = (block, content)
        return content

    def _encoded_by(self, encoder: Encoder, index: int, start: int) -> StreamBlock:
        file = self._files[index].file
        frame = self._layout.aligned(self._readers[index].piece(start))
        parts = self._wanted.splitting.parts(hashes_of(self._wanted.splitting, frame, file.name, start))
        return StreamBlock.of(encoder.encode(frame, file.name), parts)

    @cached_property
    def _starts(self) -> list[tuple[int, int]]:
        """The file of each block and its first row in it."""
        rows = self.prepared.learnt.rows
        return [(index, start) for index, count in enumerate(rows) for start in range(0, count, self.piece)]


class _PieceReader:
    """Reads pieces of a file; of a text file one after the other, without beginning anew."""

    def __init__(self, opened: Opened, rows: int) -> None:
        self.opened, self.rows = opened, rows
        self._pieces: Iterator[pl.DataFrame] = iter(())
        self._next = -1

    def piece(self, start: int) -> pl.DataFrame:
        if self.opened.file.kind != "text":
            return self.opened.piece(start, self.rows)
        if self._next != start:
            self._pieces, self._next = self.opened.pieces(self.rows), 0
        for frame in self._pieces:
            at, self._next = self._next, self._next + self.rows
            if at == start:
                return frame
        raise FalllineError(f"{self.opened.file.path} has fewer rows than before: scan the source again")


def _leaks(encoder: Encoder, collected: Collected) -> list[str]:
    """Sentences about columns that give the target away, from the sample of the training rows."""
    rows = collected.samples[0]
    x = np.empty((len(rows), len(encoder.schema.feature_names)), np.float32)
    encoder.expand(rows, x)
    return find_leaks(x, encoder.schema.target.condition(rows.y), np.arange(len(x)), encoder.schema)


def scan(
    source: str | Path | list[str] | list[Path],
    target: str | list[str] | None = None,
    *,
    names: list[str] | None = None,
    kinds: dict[str, str] | None = None,
    task: str | None = None,
    test: float = 0.2,
    valid: float = 0.1,
    seed: int = 0,
    missing: str | None = None,
    split: str = "row",
    memory: str | int | None = None,
    cache: str | int | None = None,
) -> Stream:
    """Opens a table in files that need not fit into memory.

    Args:
        source: a Parquet, Arrow, Feather, CSV or TSV file; a folder of such files, also a partitioned one; a pattern such
            as `folder/*.parquet`; or a list of files.
        target: the column to predict, or a list of columns.
        names: column names for text files without a header line.
        kinds: column name to kind, as for `load`.
        task: "classification", "regression" or "multilabel"; recognised by default.
        test: share of the rows for testing.
        valid: share of the rows for validation.
        seed: seed of the split.
        missing: "impute" (the default) or "error".
        split: what decides which part a row belongs to: "row" (its file and its number), "file", or a column whose equal
            values stay together. A row stays in its part when files are added.
        memory: bytes that a training may take in all, such as "2GB"; by default half of the free memory.
        cache: bytes that encoded blocks may take on the disk, such as "20GB"; by default half of its free space; "0" for no
            cache.

    Raises:
        FalllineError: a file cannot be read, or files have columns that do not go together; the message names them.

    >>> import polars as pl, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in range(2):
    ...         pl.DataFrame({"a": [1.5, 2.5] * 20, "y": [0, 1] * 20}).write_parquet(f"{folder}/{i}.parquet")
    ...     scan(f"{folder}/*.parquet", "y", cache=0).counts
    {'train': 53, 'valid': 9, 'test': 18}
    """
    given = {
        "source": source, "target": target, "names": names, "kinds": kinds, "task": task, "test": test, "valid": valid,
        "seed": seed, "missing": missing, "split": split, "memory": memory, "cache": cache,
    }  # fmt: skip
    files = [open_file(each, names) for each in find_files(source)]
    layout = layout_of(files)
    where = str(source) if isinstance(source, (str, Path)) else f"{len(files)} files"
    targets = () if target is None else target_names(list(layout.columns), target, where)
    if targets and len(targets) == len(layout.columns):
        raise FalllineError(f"{where} holds only the target: give at least one feature column")
    if missing not in (None, "impute", "error"):
        raise FalllineError(f"missing is {missing!r}: give 'impute' or 'error'")
    size = _memory(memory)
    given["memory"] = str(size)
    wanted = Wanted(targets, dict(kinds or {}), task, Splitting(test, valid, seed, split), missing or "impute")
    given["cache"] = None if cache is None else str(cache)
    room = None if cache is None else 0 if str(cache) == "0" else parse_size(str(cache), "cache")
    return Stream(_name(source), where, files, layout, wanted, _plain(given), size, room)


def _memory(asked: str | int | None) -> int:
    if asked is None:
        return max(LEAST_MEMORY, (available() or 4 * LEAST_MEMORY) // 2)
    size = parse_size(str(asked), "memory")
    if size < LEAST_MEMORY:
        raise FalllineError(f"memory = {asked!r} is too little for a training: expected 1GB or more")
    return size


def _name(source: object) -> str:
    """The name of a table: that of the file, of the folder, or of the folder that a pattern is in."""
    if not isinstance(source, (str, Path)):
        return "files"
    path = Path(source)
    while any(each in path.name for each in "*?[") and path != path.parent:
        path = path.parent
    return path.stem or path.resolve().name or "files"


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    def text(each: Any) -> Any:
        return str(each) if isinstance(each, Path) else [text(one) for one in each] if isinstance(each, list) else each

    return {key: text(each) for key, each in given.items() if each is not None}
