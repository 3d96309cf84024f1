"""A run's checkpoints in a folder that is tested first; if a later write fails, training continues and a note says so."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from fallline.core.errors import FalllineError
from fallline.core.files import make_folder, try_folder
from fallline.core.holding import Hold
from fallline.core.tensors import flatten
from fallline.core.tree import Tree

COPIES = 3  # of a checkpoint: the newest checkpoint, the one before it, and the one being written


class Keeping:
    """Context manager that holds the folder for this run alone. Without a folder it does nothing.

    Arguments:
        folder: folder for the checkpoints; it is created if missing.

    Raises: FalllineError, on entering, where the folder cannot be written to or is in use by another process.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.refused = ""
        self._hold: Hold | None = None
        self._open = ExitStack()

    def __enter__(self) -> "Keeping":
        if self.folder is not None:
            make_folder(self.folder)
            self._hold = self._open.enter_context(Hold(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def try_for(self, size: int) -> None:
        """Raises: FalllineError where the folder has no room for checkpoints of this size in bytes."""
        if self.folder is not None:
            try_folder(self.folder, COPIES * size)

    def save(self, write: Callable[[Path], None]) -> bool:
        """Write a checkpoint into the folder; returns False if that fails."""
        if self.folder is None or self._hold is None:
            return False
        try:
            self._hold.check()
            write(self.folder)
        except FalllineError as error:
            self.refused = str(error)
            return False
        return True

    @property
    def notes(self) -> list[str]:
        """A sentence if a checkpoint could not be written."""
        return [f"a checkpoint could not be kept, and the training went on: {self.refused}"] if self.refused else []


def size_of(tree: Tree) -> int:
    """Size of a tree of arrays in bytes."""
    return sum(leaf.nbytes for leaf in flatten(tree).values())
