"""A run's checkpoints in a folder that was tried first: what it refuses later is noted, and the training goes on."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import jax

from fallline.core.errors import FalllineError
from fallline.core.files import make_folder, try_folder
from fallline.core.holding import Hold
from fallline.training.checkpoint import save_checkpoint
from fallline.training.state import Epoch, State

COPIES = 3  # of a state: the newest checkpoint, the one before it, and the one being written


class Keeping:
    """While it is entered, the folder is this run's alone. Without a folder it does nothing.

    Arguments:
        folder: where checkpoints go; it is made where it is missing.
        description: says what run they belong to.

    Raises: FalllineError, on entering, where the folder cannot be written to or somebody else uses it.
    """

    def __init__(self, folder: Path | None, description: dict[str, Any]) -> None:
        self.folder, self.description = folder, description
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

    def try_for(self, state: State) -> None:
        """Raises: FalllineError where the folder has no room for checkpoints of this state."""
        if self.folder is not None:
            size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(jax.eval_shape(_words, state)))
            try_folder(self.folder, COPIES * size)

    def save(self, state: State, seen: Epoch) -> bool:
        """Write a checkpoint; False where the folder refuses it."""
        if self.folder is None or self._hold is None:
            return False
        try:
            self._hold.check()
            save_checkpoint(self.folder, state, seen, self.description)
        except FalllineError as error:
            self.refused = str(error)
            return False
        return True

    def writer(self, state: State, seen: Epoch) -> Callable[[Path], None]:
        """Writes the checkpoint that this folder refused into another one."""
        return lambda folder: save_checkpoint(folder, state, seen, self.description)

    @property
    def notes(self) -> list[str]:
        """A sentence, where a checkpoint was refused."""
        return [f"a checkpoint could not be kept, and the training went on: {self.refused}"] if self.refused else []


def _words(state: State) -> State:
    """Random keys as the numbers that a file holds."""
    is_key = lambda leaf: jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)  # noqa: E731
    return jax.tree.map(lambda leaf: jax.random.key_data(leaf) if is_key(leaf) else leaf, state)
