"""`fallline cache`: what is kept on this machine's disk to save work, and its removal."""

from typing import Annotated

import typer

from fallline.cli.output import give, say, table

Opt = typer.Option


def cache(
    clear: Annotated[bool, Opt("--clear", help="remove all of it; it is made again when it is needed")] = False,
    limit: Annotated[
        str | None, Opt(metavar="SIZE", help="most disk space of compiled programs from now on: 500MB (at first 2GB)")
    ] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Show, clear or limit what is kept to save work."""
    from fallline.core import cached
    from fallline.core.budget import bytes_of, parse_size
    from fallline.core.runtime import cache_folder

    size = None if limit is None else parse_size(limit, "--limit")
    removed = cached.clear() if clear else 0
    if size is not None:
        removed += cached.set_limit(size)
    found, folder, most = cached.held(), cache_folder(), cached.limit()
    if json:
        kept = [
            {"what": each.title, "folder": str(each.folder), "entries": each.entries, "bytes": each.bytes}
            for each in found
        ]
        give({"folder": str(folder), "limit": most, "removed_bytes": removed, "kept": kept})
        return 0
    if clear or size is not None:
        say(f"Removed {bytes_of(removed)} from {folder}.")
    if not any(each.entries for each in found):
        say(f"Nothing is kept in {folder}; programs may take {bytes_of(most)} there.")
        return 0
    rows = [[each.title, f"{each.entries:,}", bytes_of(each.bytes), str(each.folder)] for each in found if each.entries]
    print(table([["", "entries", "size", "folder"], *rows], left=(3,)))
    say(f"Programs may take {bytes_of(most)}: --limit SIZE changes that, and --clear removes everything.")
    return 0
