"""The study store: trials in a database, one durable transaction per batch, for one process or several.

A trial is reserved with its point before it is trained and finished with its score after. Who is killed between the two
leaves a reserved trial, which the next to ask gets, with the same point. A reservation holds while its owner renews it, and
ends at once if its process on this machine is gone.
"""

import json
import os
import socket
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import sqlalchemy as sa

from fallline.core.errors import FalllineError

_META = sa.MetaData()
STUDIES = sa.Table(
    "studies",
    _META,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(200), unique=True, nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
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
)


class Store:
    """One study in a database.

    Arguments:
        where: a path of an SQLite file, or any SQLAlchemy URL.
        name: the study's name in the database.

    Raises: FalllineError for a database that cannot be opened.
    """

    lease: ClassVar[float] = 60.0  # seconds after which a reservation that nobody renews is free

    def __init__(self, where: str | Path, name: str = "study") -> None:
        self.where, self.name = where, name
        self.owner = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
        try:
            self.engine = _engine(where)
            # Python 3.13 warns of an SQLite connection that nobody closes. The engine is kept until the store is gone.
            weakref.finalize(self, self.engine.dispose)
            _make_tables(self.engine)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise FalllineError(f"study {str(where)!r} cannot be opened: {_reason(error)}") from None
        self.study = -1
        self.file = _file_of(self.engine)

    def close(self) -> None:
        """Close all connections, as it happens anyway when the store is forgotten."""
        self.engine.dispose()

    def begin(self, seed: int, description: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Make the study, or open it; returns the seed and the description that it was begun with.

        Of `trials`, how many the study is to have, the description keeps the most that were ever asked for.
        """
        with self._writing() as connection:
            found = self._found(connection, lock=True)
            if found is None:
                # Of several that begin a study at once, the first makes it.
                with suppress(sa.exc.IntegrityError), connection.begin_nested():
                    values = {"name": self.name, "seed": seed, "description": json.dumps(description)}
                    connection.execute(sa.insert(STUDIES).values(values))
                found = self._found(connection, lock=True)
            kept = json.loads(found.description)
            if description.get("trials", 0) > kept.get("trials", 0):
                kept["trials"] = description["trials"]
                changed = sa.update(STUDIES).where(STUDIES.c.id == found.id).values(description=json.dumps(kept))
                connection.execute(changed)
        self.study = found.id
        return int(found.seed), kept

    def described(self) -> tuple[int, dict[str, Any]] | None:
        """The seed and the description of the study, if there is one of the name."""
        with self._writing() as connection:
            found = self._found(connection)
        return None if found is None else (int(found.seed), json.loads(found.description))

    def reserve(
        self, count: int, most: int, propose: Callable[[list[Any], range], np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """Numbers and points of trials that this process is to train: those that others left, or else new ones.

        Arguments:
            count: at most so many.
            most: trials of the whole study.
            propose: from all trials so far and the new numbers to their points; fewer where there are no more to try.
        """
        with self._writing() as connection:
            # On a server: whoever holds the study's row is the only one to reserve. SQLite has one writer anyway.
            connection.execute(sa.select(STUDIES.c.id).where(STUDIES.c.id == self.study).with_for_update())
            rows = self._rows(connection)
            left = [row for row in rows if row.outcome is None and self._free(row)][:count]
            if left:
                numbers = [row.number for row in left]
                connection.execute(self._of(numbers).values(owner=self.owner, lease=time.time() + self.lease))
                return [(row.number, np.array(json.loads(row.point))) for row in left]
            new = range(len(rows), min(len(rows) + count, most))
            points = propose(rows, new) if len(new) else np.zeros((0, 0))
            mine = {"study": self.study, "owner": self.owner, "lease": time.time() + self.lease}
            reserved = [(number, point) for number, point in zip(new, points, strict=False)]
            if reserved:
                values = [{**mine, "number": n, "point": json.dumps([float(u) for u in p])} for n, p in reserved]
                connection.execute(sa.insert(TRIALS), values)
            return reserved

    def finish(self, results: Sequence[dict[str, Any]]) -> None:
        """Keep the scores of a batch; those of trials that somebody else has finished meanwhile are left as they are."""
        with self._writing() as connection:
            for each in results:
                values = {**each, "columns": json.dumps(each["columns"]), "owner": None, "lease": None}
                del values["number"]
                connection.execute(self._of([each["number"]]).where(TRIALS.c.outcome.is_(None)).values(values))

    def renew(self, numbers: Sequence[int]) -> None:
        """Say that trials are still being trained."""
        with self._writing() as connection:
            mine = self._of(numbers).where(TRIALS.c.owner == self.owner)
            connection.execute(mine.values(lease=time.time() + self.lease))

    def release(self, numbers: Sequence[int]) -> None:
        """Give back trials that were not finished."""
        with self._writing() as connection:
            connection.execute(self._of(numbers).where(TRIALS.c.owner == self.owner).values(owner=None, lease=None))

    def rows(self) -> list[Any]:
        """All trials, by number."""
        with self._writing() as connection:
            return self._rows(connection)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction; raises FalllineError where the database refuses it, as on a full disk, or its file is gone."""
        if self.file != _file_of(self.engine):  # SQLite would go on in a file that nobody can find any more
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
        return connection.execute(chosen.with_for_update() if lock else chosen).first()

    def _rows(self, connection: sa.Connection) -> list[Any]:
        chosen = sa.select(TRIALS).where(TRIALS.c.study == self.study).order_by(TRIALS.c.number)
        return list(connection.execute(chosen).all())

    def _of(self, numbers: Sequence[int]) -> sa.Update:
        return sa.update(TRIALS).where(TRIALS.c.study == self.study, TRIALS.c.number.in_(list(numbers)))

    def _free(self, row: Any) -> bool:
        if row.owner is None or row.lease is None or row.lease < time.time():
            return True
        host, process, _ = row.owner.rsplit(" ", 2)
        return host == socket.gethostname() and not _alive(int(process))


def _make_tables(engine: sa.Engine) -> None:
    """Make what is missing; of several processes that begin on an empty server, all but one are refused at first."""
    for last in (False, False, True):
        try:
            with engine.begin() as connection:
                _META.create_all(connection)
            return
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError):
            if last:
                raise


def _file_of(engine: sa.Engine) -> tuple[int, int] | None:
    """Which file an SQLite database is, by device and number; None for a server, and where it is gone."""
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        return None
    try:
        found = os.stat(engine.url.database)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _reason(error: Exception) -> str:
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

        @sa.event.listens_for(engine, "connect")
        def connect(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # so that BEGIN below is ours
            try:
                for setting in ("busy_timeout = 60000", "journal_mode = WAL", "synchronous = FULL"):
                    connection.execute(f"PRAGMA {setting}")
            except Exception:
                connection.close()  # SQLAlchemy forgets a connection that it could not begin with
                raise

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            # A reader that becomes a writer in mid-transaction fails if another wrote meanwhile; a writer from the start waits.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
