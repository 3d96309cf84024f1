"""The folder that `--resume` names: of a run, of a search or of a policy, each continued by a command of its own."""

from pathlib import Path

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError

RECIPE, STUDY = "recipe.toml", "study.db"
_FILES = (RECIPE, STUDY, "model.safetensors", "policy.safetensors", "checkpoint.safetensors")


def folder_to_resume(said: Path, command: str) -> Path:
    """The folder itself; a file of a run folder stands for it.

    Raises: FalllineError for an address, and for a folder that another command continues.
    """
    refuse_address(said, "the run folder", "give a folder of this machine")
    folder = said.parent if said.name in _FILES and said.is_file() else said
    own = _command_of(folder)
    extended = (own, command) == ("tune", "train") and (folder / RECIPE).is_file()  # the model of a finished search
    if own and own != command and not extended:
        what = {"train": "a training", "tune": "a search", "ars": "a policy"}[own]
        raise FalllineError(f"{folder} holds {what}: continue it with fallline {own} --resume {folder}")
    return folder


def _command_of(folder: Path) -> str:
    """The command that has written a folder; "" for a folder of none."""
    if (folder / STUDY).is_file():
        return "tune"
    if not (folder / RECIPE).is_file():
        return ""
    return "ars" if "\nenvironment = " in "\n" + _beginning(folder / RECIPE) else "train"


def _beginning(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(10_000)
    except OSError:
        return ""
