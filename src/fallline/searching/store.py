"""The study store: trials in a database, one durable transaction per batch, for one process or several.

A trial is reserved with its point before training and finished with its score afterwards. A process that is killed in between
leaves a reserved trial; the next process that asks gets it, with the same point. A reservation lasts while its owner renews
it, and ends at once if the owner was a process on this machine that no longer exists.
"""

import json
import os
import socket
import time
import types
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import sqlalchemy as sa

from fallline.core.errors import FalllineError
from fallline.core.reading import check_regular, parse_json
from fallline.core.shape import Entries, Whole, shown
from fallline.searching import sqlite
from fallline.searching.rows import JUDGED, StoredRow, digest, is_whole, point_is_whole, study_digest

_META = sa.MetaData()
STUDIES = sa.Table(
    "studies",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), unique=True, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("digest", sa.String(64)),
)
TRIALS = sa.Table(
    "trials",
    _META,
    sa.Column("study", sa.ForeignKey("studies.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("point", sa.Text, nullable=False),
    sa.Column("owner", sa.String(200)),
    sa.Column("lease", sa.Float),
    sa.Column("outcome", sa.String(20)),  # NULL until it is judged
    sa.Column("score", sa.Float),  # NULL for a trial without one
    sa.Column("error", sa.Float),
    sa.Column("epochs", sa.Float),
    sa.Column("lane_epochs", sa.Integer),
    sa.Column("seconds", sa.Float),
    sa.Column("columns", sa.Text),
    sa.Column("digest", sa.String(64)),
)
_DESCRIPTION = Entries({}, {"trials": Whole(0)}, open=True)
_FAR = 3600.0  # a lease that ends more than this many seconds from now is damaged


class Store:
    """One study in a database.

    Arguments:
        where: path of an SQLite file, or any SQLAlchemy URL.
        name: name of the study in the database.

    `notes` describes in sentences what was found damaged and how it was repaired.

    Raises: FalllineError for a database that cannot be opened, or is damaged as a whole.
    """

    lease: ClassVar[float] = 60.0  # seconds after which a reservation expires unless it is renewed

    def __init__(self, where: str | Path, name: str = "study") -> None:
        self.where, self.name = where, name
        self.owner = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
        self.notes: list[str] = []
        self.study = -1
        self.dimensions: int | None = None
        title = f"study {str(where)!r}"
        if "://" not in str(where) and os.path.lexists(where):
            check_regular(where, title, "the study.db of a search")
        try:
            self.engine = _engine(where)
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise FalllineError(f"{title} cannot be opened: {_reason(error)}") from None
        # Python 3.13 warns about SQLite connections that are never closed. The engine is kept until the store is gone.
        weakref.finalize(self, self.engine.dispose)
        try:
            self.notes += _make_tables(self.engine, title)
            if self.engine.dialect.name == "sqlite":
                self._mend_file()
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            self.engine.dispose()  # an open connection would keep the file locked
            if isinstance(error, FalllineError):
                raise
            raise FalllineError(f"{title} cannot be opened: {_reason(error)}") from None
        self.file = _file_of(self.engine)

    def close(self) -> None:
        """Close all connections; this also happens when the store is garbage-collected."""
        self.engine.dispose()

    def begin(self, seed: int, description: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Create or open the study; returns the seed and the description with which it was begun.

        `trials`, the planned size of the study, is kept in the description as the largest number ever asked for.
        """
        with self._writing() as connection:
            found = self._found(connection, lock=True)
            if found is None:
                # If several processes begin a study at once, the first creates it.
                with suppress(sa.exc.IntegrityError), connection.begin_nested():
                    values = {"name": self.name, "seed": seed, "description": json.dumps(description)}
                    made = connection.execute(sa.insert(STUDIES).values(values)).inserted_primary_key
                    assert made is not None
                    _describe(connection, made[0], self.name, seed, json.dumps(description))
                found = self._found(connection, lock=True)
            kept = self._description(found)
            if description.get("trials", 0) > kept.get("trials", 0):
                kept["trials"] = description["trials"]
                _describe(connection, found.id, self.name, found.seed, json.dumps(kept))
            self.study = found.id
            default = kept.get("default")
            self.dimensions = len(default) if isinstance(default, list) else None
            self._mend_rows(connection)
        return int(found.seed), kept

    def described(self) -> tuple[int, dict[str, Any]] | None:
        """The seed and the description of the study, or None if there is no study of this name."""
        with self._writing() as connection:
            found = self._found(connection)
        return None if found is None else (int(found.seed), self._description(found))

    def reserve(
        self, count: int, most: int, propose: Callable[[list[Any], range], np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """Reserve trials for this process: trials that others have given up, or otherwise new ones.

        Arguments:
            count: largest number of trials to reserve.
            most: number of trials in the whole study.
            propose: maps all trials so far and the new numbers to points; fewer points if there are no more to try.
        """
        with self._writing() as connection:
            # On a server, only the process that locks the study's row can reserve. SQLite has a single writer anyway.
            connection.execute(sa.select(STUDIES.c.id).where(STUDIES.c.id == self.study).with_for_update())
            rows = self._whole(connection)
            left = [row for row in rows if row.outcome is None and self._free(row)][:count]
            if left:
                numbers = [row.number for row in left]
                connection.execute(self._of(numbers).values(owner=self.owner, lease=time.time() + self.lease))
                return [(row.number, np.array(json.loads(row.point))) for row in left]
            new = _unused({row.number for row in rows}, count, most)
            points = propose(rows, new) if len(new) else np.zeros((0, 0))
            mine = {"study": self.study, "owner": self.owner, "lease": time.time() + self.lease}
            reserved = [(number, point) for number, point in zip(new, points, strict=False)]
            if reserved:
                connection.execute(self._at([number for number, _ in reserved]))  # removes damaged rows there
                values = [{**mine, "number": n, "point": json.dumps([float(u) for u in p])} for n, p in reserved]
                connection.execute(sa.insert(TRIALS), [{**each, "digest": _digest(each)} for each in values])
            return reserved

    def finish(self, results: Sequence[dict[str, Any]]) -> None:
        """Store the scores of a batch; trials that another process has finished in the meantime are left unchanged."""
        numbers = [each["number"] for each in results]
        with self._writing() as connection:
            points = {row.number: row.point for row in self._rows(connection, numbers)}
            for each in results:
                if each["number"] not in points:
                    continue  # another process has found it damaged and removed it, and trains it again
                values = {**each, "columns": json.dumps(each["columns"])}
                values["digest"] = _digest({**values, "study": self.study, "point": points[each["number"]]})
                values |= {"owner": None, "lease": None}
                del values["number"]
                connection.execute(self._of([each["number"]]).where(TRIALS.c.outcome.is_(None)).values(values))

    def renew(self, numbers: Sequence[int]) -> None:
        """Extend the reservations of trials that are still being trained."""
        with self._writing() as connection:
            mine = self._of(numbers).where(TRIALS.c.owner == self.owner)
            connection.execute(mine.values(lease=time.time() + self.lease))

    def release(self, numbers: Sequence[int]) -> None:
        """End the reservations of trials that were not finished."""
        with self._writing() as connection:
            connection.execute(self._of(numbers).where(TRIALS.c.owner == self.owner).values(owner=None, lease=None))

    def rows(self) -> list[Any]:
        """All intact trials, in the order of their numbers."""
        with self._writing() as connection:
            return self._whole(connection)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction; raises FalllineError if the database refuses it, as on a full disk, or its file is gone."""
        if self.file != _file_of(self.engine):  # SQLite would continue in a file that no longer has a name
            raise FalllineError(f"study {str(self.where)!r} was deleted or replaced while it was in use")
        try:
            with self.engine.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise FalllineError(
                f"study {str(self.where)!r} cannot be used: {_reason(error)}; what it holds is kept, and can be "
                "continued when that is mended"
            ) from None

    def _found(self, connection: sa.Connection, lock: bool = False) -> Any:
        chosen = sa.select(STUDIES).where(STUDIES.c.name == self.name)
        found = connection.execute(chosen.with_for_update() if lock else chosen).first()
        for row in [found] if found is not None else connection.execute(sa.select(STUDIES)).all():
            if row.digest != study_digest(row.id, row.name, row.seed, row.description):
                raise FalllineError(
                    f"study {str(self.where)!r} is damaged: what it says of its study {shown(row.name)} does not match its "
                    "digest; use another copy"
                )
        return found

    def _description(self, found: StoredRow) -> dict[str, Any]:
        what = f"study {str(self.where)!r}"
        kept: dict[str, Any] = parse_json(found.description, _DESCRIPTION, what, "use another copy")
        return kept

    def _rows(self, connection: sa.Connection, numbers: Sequence[int] | None = None) -> list[Any]:
        chosen = sa.select(TRIALS).where(TRIALS.c.study == self.study).order_by(TRIALS.c.number)
        if numbers is not None:
            chosen = chosen.where(TRIALS.c.number.in_(list(numbers)))
        return list(connection.execute(chosen).all())

    def _whole(self, connection: sa.Connection) -> list[Any]:
        return [row for row in self._rows(connection) if is_whole(row, self.dimensions)]

    def _mend_rows(self, connection: sa.Connection) -> None:
        """Free damaged trials for training again: at the same point, or at a new one if the point is damaged too."""
        again, gone = [], []
        rows = self._rows(connection)
        for row in rows:
            if is_whole(row, self.dimensions):
                continue
            if point_is_whole(row, self.dimensions):
                again.append(row.number)
                empty = dict.fromkeys((*JUDGED, "owner", "lease"))
                values = {**empty, "digest": _digest({"study": row.study, "number": row.number, "point": row.point})}
                connection.execute(self._of([row.number]).values(values))
            else:
                gone.append(row.number)
                connection.execute(sa.delete(TRIALS).where(TRIALS.c.study == self.study, TRIALS.c.number == row.number))
        last = max((row.number for row in rows if isinstance(row.number, int)), default=-1)
        missing = set(range(min(last + 1, 2**20))) - {row.number for row in rows}
        for numbers, what in ((again, "is damaged"), ([*gone, *sorted(missing)], "is damaged, its point as well")):
            self.notes += [
                f"trial {shown(n)} of study {str(self.where)!r} {what}: it is left out, and trained again by whoever goes on"
                for n in numbers
            ]

    def _mend_file(self) -> None:
        """Rebuild indexes that contradict the tables; rows that prevent this are removed and named in `notes`."""
        with self.engine.begin() as connection:
            if not sqlite.complaint(connection):
                return
            self.notes.append(f"study {str(self.where)!r} was damaged: its indexes were made again from what is whole")
            for row in connection.exec_driver_sql("SELECT rowid AS place, * FROM trials NOT INDEXED").all():
                if not point_is_whole(row, None):
                    self.notes.append(
                        f"trial {shown(row.number)} of study {str(self.where)!r} is damaged: it was taken out"
                    )
                    connection.exec_driver_sql("DELETE FROM trials WHERE rowid = ?", (row.place,))
            sqlite.rebuild(connection, str(self.where))

    def _of(self, numbers: Sequence[int]) -> sa.Update:
        return sa.update(TRIALS).where(TRIALS.c.study == self.study, TRIALS.c.number.in_(list(numbers)))

    def _at(self, numbers: Sequence[int]) -> sa.Delete:
        return sa.delete(TRIALS).where(TRIALS.c.study == self.study, TRIALS.c.number.in_(list(numbers)))

    def _free(self, row: StoredRow) -> bool:
        """Whether a trial is free: its reservation has ended, its owner is gone, or neither can be read."""
        if not isinstance(row.owner, str) or not isinstance(row.lease, float):
            return True
        if not time.time() <= row.lease < time.time() + _FAR:
            return True
        host, process = [*row.owner.split(" "), "", ""][:2]
        return not process.isdecimal() or (host == socket.gethostname() and not _alive(int(process[:9])))


def _unused(taken: set[int], count: int, most: int) -> range:
    """The first numbers without a trial, at most `count` in a row.

    >>> _unused({0, 1, 3}, 4, 10), _unused({0, 1}, 4, 5), _unused({0}, 2, 1)
    (range(2, 3), range(2, 5), range(1, 1))
    """
    first = next((n for n in range(most) if n not in taken), max(most, 0))
    last = first
    while last < min(first + count, most) and last not in taken:
        last += 1
    return range(first, last)


def _digest(values: dict[str, Any]) -> str:
    return digest(types.SimpleNamespace(**(dict.fromkeys(JUDGED) | values)))


def _describe(connection: sa.Connection, study: int, name: str, seed: int, description: str) -> None:
    values = {"description": description, "digest": study_digest(study, name, seed, description)}
    connection.execute(sa.update(STUDIES).where(STUDIES.c.id == study).values(values))


def _make_tables(engine: sa.Engine, title: str) -> list[str]:
    """Create missing tables; if several processes begin on an empty server, all but one are refused at first and retry."""
    for last in (False, False, True):
        try:
            with engine.begin() as connection:
                there = [name for name in _META.tables if engine.dialect.has_table(connection, name)]
                if len(there) == 1:
                    raise FalllineError(f"{title} is damaged: of its tables it has {there[0]} only; use another copy")
                _META.create_all(connection)
                return _seal(connection, title) if there else []
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            if last:
                raise
    return []


def _seal(connection: sa.Connection, title: str) -> list[str]:
    """Add a digest to every row of a database written by a version without digests; its contents count as intact."""
    lacking = [table for table in (STUDIES, TRIALS) if "digest" not in _columns(connection, table.name)]
    if not lacking:
        return []
    for table in lacking:
        connection.execute(sa.schema.DDL(f"ALTER TABLE {table.name} ADD COLUMN digest VARCHAR(64)"))
    for row in connection.execute(sa.select(STUDIES)).all():
        _describe(connection, row.id, row.name, row.seed, row.description)
    for row in connection.execute(sa.select(TRIALS)).all():
        here = (TRIALS.c.study == row.study) & (TRIALS.c.number == row.number)
        connection.execute(sa.update(TRIALS).where(here).values(digest=digest(row)))
    return [f"{title} was written by an earlier version, without digests: what it holds was taken as it stands"]


def _columns(connection: sa.Connection, table: str) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
    return [each["name"] for each in sa.inspect(connection).get_columns(table)]


def _file_of(engine: sa.Engine) -> tuple[int, int] | None:
    """Device and inode number of an SQLite file; None for a server, and for a file that is gone."""
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        return None
    try:
        found = os.stat(engine.url.database)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _reason(error: Exception) -> str:
    if isinstance(error, ImportError):  # the driver of a database other than SQLite
        return f'{error}; for PostgreSQL, pip install "fallline[postgres]" and a URL that begins with postgresql+psycopg://'
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _engine(where: str | Path) -> sa.Engine:
    text = str(where)
    engine = sa.create_engine(text if "://" in text else f"sqlite:///{text}", pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine)
    return engine
