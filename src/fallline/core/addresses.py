"""Addresses on the web or in a cloud, given where a path of this machine is expected."""

import re
from pathlib import Path

from fallline.core.errors import FalllineError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/+")  # a path keeps only one slash


def refuse_address(
    path: str | Path, what: str, remedy: str = "download it first, and give the path of the file"
) -> None:
    """Raises: FalllineError for an address, whose `what` names it and whose `remedy` says what to give instead.

    >>> refuse_address("data.csv", "the source")
    >>> refuse_address("s3://bucket/run", "the run folder", "give a folder of this machine")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: the run folder 's3://bucket/run' is an address: give a folder of this machine
    """
    text = str(path)
    found = _ADDRESS.match(text)
    if found is None or found[1].startswith("sklearn"):
        return
    if found[1].lower() == "file":
        remedy = f"give the path of the file, without {found[0]}"
    whole = re.sub(r":/(?!/)", "://", text, count=1)
    raise FalllineError(f"{what} {whole!r} is an address: {remedy}")
