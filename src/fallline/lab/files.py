"""Pictures as files in a folder: SVG, and PNG where Pillow is installed."""

from collections.abc import Mapping
from pathlib import Path

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError
from fallline.core.files import try_folder
from fallline.drawing.picture import Picture


def check_out(folder: Path | None) -> None:
    """Make the folder and try to write to it, before anything is computed.

    Raises: FalllineError where that fails.
    """
    if folder is None:
        return
    refuse_address(folder, "the folder", "give a folder of this machine")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FalllineError(f"folder {str(folder)!r} cannot be made: {error.strerror}; choose another folder") from None
    try_folder(folder)


def save_pictures(folder: Path, pictures: Mapping[str, Picture]) -> tuple[list[Path], str]:
    """Write every picture as SVG and PNG; returns the paths, and why there is no PNG if Pillow is missing."""
    written = [picture.save(folder / f"{name}.svg") for name, picture in pictures.items()]
    try:
        written += [picture.save(folder / f"{name}.png") for name, picture in pictures.items()]
    except FalllineError as error:
        if "needs the package" not in str(error):
            raise
        return written, str(error)
    return written, ""
