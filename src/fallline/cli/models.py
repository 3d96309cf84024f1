"""A trained model and its rows, as two arguments of a command."""

from pathlib import Path

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError


def check_order(model: Path, source: str, command: str) -> None:
    """Raises: FalllineError if the rows stand in the model's place and the model in theirs, or the model is an address."""
    refuse_address(model, "the run folder")
    if not _is_model(model) and _is_model(Path(source)):
        raise FalllineError(f"the model comes before the rows: fallline {command} {source} {model}")
    if _is_model(Path(source)):
        raise FalllineError(
            f"{source} is a model too and holds no rows: give the rows, as in fallline {command} {model} ROWS"
        )


def remark_on_outcome(model: Path) -> list[str]:
    """A sentence on a run that ended badly and whose best epoch is used all the same; none for other models."""
    from fallline.serving.outcome import outcome_of

    outcome = outcome_of(model) if model.is_dir() else ""
    words = {"diverged": "diverged", "interrupted": "was interrupted"}
    if outcome not in words:
        return []
    return [f"the training of {model} {words[outcome]}: the predictions are those of its best epoch until then"]


def parse_names(names: str | None) -> list[str] | None:
    """The column names of `--names a,b,c`."""
    return None if names is None else [each.strip() for each in names.split(",")]


def _is_model(path: Path) -> bool:
    """Whether a path is a run folder or a model's file."""
    try:
        return path.suffix == ".safetensors" or (path.is_dir() and (path / "recipe.toml").is_file())
    except (OSError, ValueError):
        return False
