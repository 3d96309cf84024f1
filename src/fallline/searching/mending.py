"""Repairs of a damaged study: indexes are made again, damaged trials are freed or removed, and sentences say so."""

import sqlalchemy as sa

from fallline.core.shape import shown
from fallline.searching import sqlite
from fallline.searching.rows import RESULT, is_whole, point_is_whole
from fallline.searching.tables import TRIALS, digest_of, read_rows, updating


def mend_rows(connection: sa.Connection, study: int, dimensions: int | None, where: str) -> list[str]:
    """Free damaged trials for training again: at the same point, or at a new one if the point is damaged too.

    Arguments:
        connection: an open transaction.
        study: the study's number in the database.
        dimensions: the number of dimensions of its space, if known.
        where: the database, in messages.
    """
    again, gone = [], []
    rows = read_rows(connection, study)
    for row in rows:
        if is_whole(row, dimensions):
            continue
        if point_is_whole(row, dimensions):
            again.append(row.number)
            empty = dict.fromkeys((*RESULT, "owner", "lease"))
            values = {**empty, "digest": digest_of({"study": row.study, "number": row.number, "point": row.point})}
            connection.execute(updating(study, [row.number]).values(values))
        else:
            gone.append(row.number)
            # `==`, since the number itself may be damaged: NULL, a text or a float.
            connection.execute(sa.delete(TRIALS).where(TRIALS.c.study == study, TRIALS.c.number == row.number))
    last = max((row.number for row in rows if isinstance(row.number, int)), default=-1)
    missing = set(range(min(last + 1, 2**20))) - {row.number for row in rows}
    return [
        f"trial {shown(n)} of study {where!r} {what}: it is left out, and trained again by whoever goes on"
        for numbers, what in ((again, "is damaged"), ([*gone, *sorted(missing)], "is damaged, its point as well"))
        for n in numbers
    ]


def mend_file(engine: sa.Engine, where: str) -> list[str]:
    """Rebuild the indexes of an SQLite file that contradict its tables; rows that prevent this are removed."""
    with engine.begin() as connection:
        if not sqlite.complaint(connection):
            return []
        notes = [f"study {where!r} was damaged: its indexes were made again from what is whole"]
        for row in connection.exec_driver_sql("SELECT rowid AS row_id, * FROM trials NOT INDEXED").all():
            if not point_is_whole(row, None):
                notes.append(f"trial {shown(row.number)} of study {where!r} is damaged: it was taken out")
                connection.exec_driver_sql("DELETE FROM trials WHERE rowid = ?", (row.row_id,))
        sqlite.rebuild(connection, where)
    return notes
