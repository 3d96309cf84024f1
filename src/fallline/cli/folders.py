"""The folder that a command of the lab writes its page and its pictures into."""

from pathlib import Path

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError


def folder_for(out: Path) -> Path:
    """Make a folder, unless it exists, and check that it can be written to.

    Raises: FalllineError if it cannot be made or written to.
    """
    from fallline.core.files import try_folder

    refuse_address(out, "the folder", "give a folder of this machine")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FalllineError(f"folder {str(out)!r} cannot be made: {error.strerror}; choose another folder") from None
    try_folder(out)
    return out
