"""The tables of a study in a database: their columns, and how they are made or brought up to date."""

import types
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from fallline.core.errors import FalllineError
from fallline.searching.rows import RESULT, StoredRow, digest, study_digest

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
    sa.Column("outcome", sa.String(20)),  # NULL until it is completed
    sa.Column("score", sa.Float),  # NULL for a trial without one
    sa.Column("error", sa.Float),
    sa.Column("epochs", sa.Float),
    sa.Column("lane_epochs", sa.Integer),
    sa.Column("seconds", sa.Float),
    sa.Column("columns", sa.Text),
    sa.Column("digest", sa.String(64)),
)


def digest_of(values: dict[str, Any]) -> str:
    """The digest of a trial with these values; it is not completed unless they say so."""
    return digest(types.SimpleNamespace(**(dict.fromkeys(RESULT) | values)))


def describe(connection: sa.Connection, study: int, name: str, seed: int, description: str) -> None:
    """Write the description of a study, with its digest."""
    values = {"description": description, "digest": study_digest(study, name, seed, description)}
    connection.execute(sa.update(STUDIES).where(STUDIES.c.id == study).values(values))


def read_rows(connection: sa.Connection, study: int, numbers: Sequence[int] | None = None) -> list[StoredRow]:
    """The rows of a study's trials, damaged ones too, in the order of their numbers."""
    chosen = sa.select(TRIALS).where(TRIALS.c.study == study).order_by(TRIALS.c.number)
    if numbers is not None:
        chosen = chosen.where(TRIALS.c.number.in_(list(numbers)))
    return list(connection.execute(chosen).all())


def updating(study: int, numbers: Sequence[int]) -> sa.Update:
    """A statement that changes these trials of a study."""
    return sa.update(TRIALS).where(TRIALS.c.study == study, TRIALS.c.number.in_(list(numbers)))


def deleting(study: int, numbers: Sequence[int]) -> sa.Delete:
    """A statement that deletes these trials of a study."""
    return sa.delete(TRIALS).where(TRIALS.c.study == study, TRIALS.c.number.in_(list(numbers)))


def make_tables(engine: sa.Engine, title: str) -> list[str]:
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
        connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN digest VARCHAR(64)"))
    for row in connection.execute(sa.select(STUDIES)).all():
        describe(connection, row.id, row.name, row.seed, row.description)
    for row in connection.execute(sa.select(TRIALS)).all():
        here = (TRIALS.c.study == row.study) & (TRIALS.c.number == row.number)
        connection.execute(sa.update(TRIALS).where(here).values(digest=digest(row)))
    return [f"{title} was written by an earlier version, without digests: what it holds was taken as it stands"]


def _columns(connection: sa.Connection, table: str) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
    return [each["name"] for each in sa.inspect(connection).get_columns(table)]
