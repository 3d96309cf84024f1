"""A connection to the database of a study: SQLite or a server."""

import os
from pathlib import Path

import sqlalchemy as sa

from fallline.searching import sqlite


def file_of(engine: sa.Engine) -> tuple[int, int] | None:
    """Device and inode number of an SQLite file; None for a server, and for a file that is gone."""
    if engine.dialect.name != "sqlite" or engine.url.database in (None, "", ":memory:"):
        return None
    try:
        found = os.stat(engine.url.database)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def reason_of(error: Exception) -> str:
    """Why a database refused something, in one line."""
    if isinstance(error, ImportError):  # the driver of a database other than SQLite
        return f'{error}; for PostgreSQL, pip install "fallline[postgres]" and a URL that begins with postgresql+psycopg://'
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def open_engine(where: str | Path) -> sa.Engine:
    """The engine of an SQLite file or a URL."""
    text = str(where)
    engine = sa.create_engine(text if "://" in text else f"sqlite:///{text}", pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        sqlite.prepare(engine)
    return engine
