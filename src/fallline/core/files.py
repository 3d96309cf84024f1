"""Files that are whole or not there."""

import os
import tempfile
from pathlib import Path

from fallline.core.errors import FalllineError


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside, flush to the disk, rename: whoever reads the path sees the old file or the new one.

    Raises: FalllineError when the disk refuses; the old file is then still there.
    """
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise FalllineError(f"cannot write {path}: {error.strerror}; choose a folder that can be written to") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, 0o666 & ~umask)
        os.replace(beside, path)
    except OSError as error:
        Path(beside).unlink(missing_ok=True)
        raise FalllineError(
            f"cannot write {path}: {error.strerror}; free some space or choose another folder"
        ) from None
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
