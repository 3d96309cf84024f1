"""The study store: trials in a database, one durable transaction per batch, for one process or several.

A trial is reserved with its point before training and finished with its score afterwards. A process that is killed in between
leaves a reserved trial; the next process that asks gets it, with the same point. A reservation lasts while its owner renews
it, and ends at once if the owner was a process on this machine that no longer exists.
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
from fallline.core.reading import check_regular, parse_json
from fallline.core.shape import Entries, Whole, shown
from fallline.searching.database import file_of, open_engine, reason_of
from fallline.searching.mending import mend_file, mend_rows
from fallline.searching.reservations import is_free, unused
from fallline.searching.rows import StoredRow, is_whole, study_digest
from fallline.searching.tables import STUDIES, TRIALS, deleting, describe, digest_of, make_tables, read_rows, updating

_DESCRIPTION = Entries({}, {"trials": Whole(0)}, open=True)


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
            self.engine = open_engine(where)
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise FalllineError(f"{title} cannot be opened: {reason_of(error)}") from None
        # Python 3.13 warns about SQLite connections that are never closed. The engine is kept until the store is gone.
        weakref.finalize(self, self.engine.dispose)
        try:
            self.notes += make_tables(self.engine, title)
            if self.engine.dialect.name == "sqlite":
                self.notes += mend_file(self.engine, str(self.where))
        except (sa.exc.SQLAlchemyError, ImportError, ValueError) as error:
            self.engine.dispose()  # an open connection would keep the file locked
            if isinstance(error, FalllineError):
                raise
            raise FalllineError(f"{title} cannot be opened: {reason_of(error)}") from None
        self.file = file_of(self.engine)

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
                    describe(connection, made[0], self.name, seed, json.dumps(description))
                found = self._found(connection, lock=True)
            kept = self._description(found)
            if description.get("trials", 0) > kept.get("trials", 0):
                kept["trials"] = description["trials"]
                describe(connection, found.id, self.name, found.seed, json.dumps(kept))
            self.study = found.id
            default = kept.get("default")
            self.dimensions = len(default) if isinstance(default, list) else None
            self.notes += mend_rows(connection, self.study, self.dimensions, str(self.where))
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
            left = [row for row in rows if row.outcome is None and is_free(row)][:count]
            if left:
                numbers = [row.number for row in left]
                connection.execute(
                    updating(self.study, numbers).values(owner=self.owner, lease=time.time() + self.lease)
                )
                return [(row.number, np.array(json.loads(row.point))) for row in left]
            new = unused({row.number for row in rows}, count, most)
            points = propose(rows, new) if len(new) else np.zeros((0, 0))
            mine = {"study": self.study, "owner": self.owner, "lease": time.time() + self.lease}
            reserved = [(number, point) for number, point in zip(new, points, strict=False)]
            if reserved:
                connection.execute(
                    deleting(self.study, [number for number, _ in reserved])
                )  # removes damaged rows there
                values = [{**mine, "number": n, "point": json.dumps([float(u) for u in p])} for n, p in reserved]
                connection.execute(sa.insert(TRIALS), [{**each, "digest": digest_of(each)} for each in values])
            return reserved

    def finish(self, results: Sequence[dict[str, Any]]) -> None:
        """Store the scores of a batch; trials that another process has finished in the meantime are left unchanged."""
        numbers = [each["number"] for each in results]
        with self._writing() as connection:
            points = {row.number: row.point for row in read_rows(connection, self.study, numbers)}
            for each in results:
                if each["number"] not in points:
                    continue  # another process has found it damaged and removed it, and trains it again
                values = {**each, "columns": json.dumps(each["columns"])}
                values["digest"] = digest_of({**values, "study": self.study, "point": points[each["number"]]})
                values |= {"owner": None, "lease": None}
                del values["number"]
                connection.execute(
                    updating(self.study, [each["number"]]).where(TRIALS.c.outcome.is_(None)).values(values)
                )

    def renew(self, numbers: Sequence[int]) -> None:
        """Extend the reservations of trials that are still being trained."""
        with self._writing() as connection:
            mine = updating(self.study, numbers).where(TRIALS.c.owner == self.owner)
            connection.execute(mine.values(lease=time.time() + self.lease))

    def release(self, numbers: Sequence[int]) -> None:
        """End the reservations of trials that were not finished."""
        with self._writing() as connection:
            connection.execute(
                updating(self.study, numbers).where(TRIALS.c.owner == self.owner).values(owner=None, lease=None)
            )

    def rows(self) -> list[Any]:
        """All intact trials, in the order of their numbers."""
        with self._writing() as connection:
            return self._whole(connection)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction; raises FalllineError if the database refuses it, as on a full disk, or its file is gone."""
        if self.file != file_of(self.engine):  # SQLite would continue in a file that no longer has a name
            raise FalllineError(f"study {str(self.where)!r} was deleted or replaced while it was in use")
        try:
            with self.engine.begin() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise FalllineError(
                f"study {str(self.where)!r} cannot be used: {reason_of(error)}; what it holds is kept, and can be "
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

    def _whole(self, connection: sa.Connection) -> list[Any]:
        return [row for row in read_rows(connection, self.study) if is_whole(row, self.dimensions)]
