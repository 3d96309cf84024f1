"""The flag `--log`: the tools that a training or a search is logged to, as it goes on."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.flags import Flags
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.callbacks import Callback

_EXAMPLE = "tensorboard, tensorboard:folder=logs or mlflow:experiment=tips"


@dataclasses.dataclass(frozen=True)
class LogFlags(Flags):
    """Where `train` and `tune` write what happens, besides their own folder."""

    log: Annotated[
        list[str] | None,
        typer.Option(metavar="TOOL", help="also log to tensorboard or mlflow; with fields: tensorboard:folder=logs"),
    ] = None

    def callbacks(self) -> "tuple[Callback, ...]":
        """The callbacks that the flag names.

        Raises: FalllineError for an unknown tool or field, and for a tool whose package is not installed.

        >>> LogFlags(log=["tensorboard:folder=events"]).callbacks()[0].folder
        'events'
        """
        return tuple(_callback(each) for each in self.log or [])


def _callback(said: str) -> "Callback":
    import fallline.callbacks  # noqa: F401 - registers the family
    from fallline.core.block import lookup
    from fallline.core.extras import optional
    from fallline.core.plain import from_plain

    name, _, fields = said.partition(":")
    values: dict[str, str | bool] = {}
    for setting in filter(None, fields.split(",")):
        field, equals, value = setting.partition("=")
        if not equals:
            raise FalllineError(f"--log {said!r} has no '=' in {setting!r}: expected such as {_EXAMPLE}")
        values[field.strip()] = {"true": True, "false": False}.get(value.strip().lower(), value.strip())
    kind = lookup("callback", name.strip())
    found: Callback = from_plain("callback", {"name": kind.name, **values}, "--log")
    if found.needs:  # a missing package is better known before the rows are read than after
        optional(found.needs, found.name, f"--log {found.name}")
    return found
