"""Memory limits for files and networks, checked before anything is allocated.

A file of a few megabytes can unpack to gigabytes. The unpacked size is compared with a limit, or with sixteen times the
file's own size if that is larger, so that an ordinary large table needs no flag.
"""

import os
from pathlib import Path

from fallline.core.errors import FalllineError

VARIABLE = "FALLLINE_MAX_BYTES"
USUAL = 512 * 2**20  # bytes that any file may unpack to
RATIO = 16  # multiple of its own size that a larger file may unpack to
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def limit() -> int:
    """Most bytes a file may unpack to: the environment variable's value, or the default.

    Raises: FalllineError if the variable is not a size.
    """
    text = os.environ.get(VARIABLE, "")
    return parse_size(text, VARIABLE) if text else USUAL


def parse_size(text: str, what: str) -> int:
    """Read a number of bytes: `8e9`, `500M`, `8GB`.

    Raises: FalllineError for anything else.

    >>> parse_size("8GB", "--max-bytes"), parse_size("1.5e3", "--max-bytes")
    (8000000000, 1500)
    """
    word = text.strip().upper().removesuffix("B")
    unit = word[-1:] if word[-1:] in _UNITS else ""
    try:
        size = float(word.removesuffix(unit)) * _UNITS[unit]
        if not 1 <= size < 2**63:
            raise ValueError
    except ValueError:
        raise FalllineError(f"{what} = {text!r} is no number of bytes: expected e.g. 8GB or 8e9") from None
    return int(size)


def check_unpacked(needed: int, held: int, what: str) -> None:
    """Refuse a file that would unpack to more than the limit.

    Arguments:
        needed: unpacked size in bytes.
        held: size of the file itself in bytes.
        what: the file's name for the error message.

    Raises: FalllineError that says how to raise the limit.
    """
    if needed > allowed(held):
        raise _too_much(
            f"{what} is {bytes_of(held)} and unpacks to {bytes_of(needed)}, more than", held, _above(needed)
        )


def check_stream(count: int, held: int, what: str) -> None:
    """Refuse a stream that has already unpacked to more than the limit; its full size is not known in advance.

    Raises: FalllineError that says how to raise the limit.
    """
    if count > allowed(held):
        raise _too_much(f"{what} is {bytes_of(held)} and unpacks to more than", held, "SIZE")


def allowed(held: int) -> int:
    """Most bytes that a file of `held` bytes may unpack to."""
    return max(limit(), RATIO * held)


def _too_much(what: str, held: int, enough: str) -> FalllineError:
    return FalllineError(
        f"{what} the {bytes_of(allowed(held))} allowed: if you trust it and have the memory, raise the limit with "
        f"fallline --max-bytes {enough} COMMAND, or the environment variable {VARIABLE}"
    )


def check_memory(needed: int, what: str, remedy: str) -> None:
    """Refuse a task that needs more memory than is available.

    Raises: FalllineError naming the task.
    """
    room = available()
    if room is not None and needed > room:
        raise FalllineError(f"{what} needs {bytes_of(needed)}, and {bytes_of(room)} of memory are free: {remedy}")


def available() -> int | None:
    """Bytes of memory still available to a process; None if the system does not report it."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    except (OSError, ValueError, IndexError):
        pass
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            room = int(Path("/sys/fs/cgroup", most).read_text()) - int(Path("/sys/fs/cgroup", used).read_text())
            found.append(max(room, 0))
        except (OSError, ValueError):  # "max" means no limit
            continue
    if not found:
        try:
            found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError, AttributeError):
            return None
    return min(found)


def bytes_of(count: int) -> str:
    """Format a number of bytes for display.

    >>> bytes_of(3_200_000_000), bytes_of(512)
    ('3.2 GB', '512 bytes')
    """
    for power, unit in ((15, "PB"), (12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            whole = count // 10 ** (power - 1)  # integer arithmetic: a file can name a size beyond the range of a float
            return f"{whole / 10:.3g} {unit}" if whole < 10**7 else f"more than {10**6} {unit}"
    return f"{count} bytes"


def _above(count: int) -> str:
    return f"{-(-count // 10**9)}GB" if count < 10**15 else "SIZE"
