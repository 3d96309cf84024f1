"""SQLite study files: connection settings, and the repair of damaged files."""

from typing import Any

import sqlalchemy as sa

from fallline.core.errors import FalllineError

_VALUES = ("NULL value in", "TEXT value in", "NUMERIC value in", "NUMERIC, TEXT", "number in", "non-unique")


def prepare(engine: sa.Engine) -> None:
    """Configure every connection: durable transactions, writers that wait, and no functions from a file's own schema."""

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _: object) -> None:
        connection.isolation_level = None  # so that transactions begin with the statement below
        # A flipped bit in one text must not make all rows unreadable; the digest tells which row is damaged.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        for setting in ("trusted_schema = OFF", "busy_timeout = 60000", "journal_mode = WAL", "synchronous = FULL"):
            try:
                connection.execute(f"PRAGMA {setting}")
            except BaseException:
                connection.close()  # it may hold a lock that the next connection would wait for
                raise

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A reader that turns into a writer fails if another process has written in between; a writer from the start waits.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def complaint(connection: sa.Connection) -> str:
    """SQLite's complaint about the structure of the file; empty if it is intact."""
    said = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    return "" if said == "ok" else " ".join(said.split())


def rebuild(connection: sa.Connection, where: str) -> None:
    """Rebuild the indexes from the tables.

    Raises: FalllineError where the tables themselves cannot be read completely.
    """
    connection.exec_driver_sql("REINDEX")
    left = complaint(connection)
    if left and not left.startswith(_VALUES):  # values of a wrong type are handled row by row
        raise FalllineError(f"study {where!r} is damaged ({left}): use another copy")
