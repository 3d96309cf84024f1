"""Study files of SQLite: how they are opened, and what is done about a damaged one."""

from typing import Any

import sqlalchemy as sa

from fallline.core.errors import FalllineError

_VALUES = ("NULL value in", "TEXT value in", "NUMERIC value in", "NUMERIC, TEXT", "number in", "non-unique")


def prepare(engine: sa.Engine) -> None:
    """Settings of every connection: whole transactions on the disk, waiting writers, no functions of a file's own schema."""

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # so that BEGIN below is ours
        # One flipped bit in a text must not hide all the others; the digest tells which row it was.
        connection.text_factory = lambda text: text.decode("utf-8", "replace")
        for setting in ("trusted_schema = OFF", "busy_timeout = 60000", "journal_mode = WAL", "synchronous = FULL"):
            try:
                connection.execute(f"PRAGMA {setting}")
            except BaseException:
                connection.close()  # it may hold a lock, for which the next to open would wait
                raise

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A reader that becomes a writer in mid-transaction fails if another wrote meanwhile; a writer from the start waits.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def complaint(connection: sa.Connection) -> str:
    """What SQLite finds wrong with the file's structure; empty for nothing."""
    said = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    return "" if said == "ok" else " ".join(said.split())


def rebuild(connection: sa.Connection, where: str) -> None:
    """Make the indexes again from the tables.

    Raises: FalllineError where the tables themselves cannot be read whole.
    """
    connection.exec_driver_sql("REINDEX")
    left = complaint(connection)
    if left and not left.startswith(_VALUES):  # values of a wrong type are the rows' own affair
        raise FalllineError(f"study {where!r} is damaged ({left}): use another copy")
