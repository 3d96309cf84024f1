"""Groups of flags: a dataclass declares them once, and every command that takes the dataclass shows and reads them."""

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

from typer.models import ArgumentInfo


class Flags:
    """Base of a dataclass whose fields are flags: Typer's annotations and defaults."""

    def given(self) -> dict[str, Any]:
        """The fields whose flag was given, with other values than by default.

        >>> from fallline.cli.shared_flags import DataFlags
        >>> DataFlags(source="rows.csv", test=0.0).given()
        {'source': 'rows.csv', 'test': 0.0}
        """
        each = {field: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {field.name: value for field, value in each.items() if value != field.default and value != []}

    def spelled(self) -> list[str]:
        """The given flags as they are written in a shell.

        >>> from fallline.cli.shared_flags import DataFlags
        >>> DataFlags(source="rows.csv", test_source="more.csv").spelled()
        ['SOURCE', '--test-source']
        """
        return [spelling(type(self), name) for name in self.given()]


@dataclasses.dataclass(frozen=True)
class Shown:
    """How one command shows a group, as an annotation of its parameter.

    Arguments:
        without: fields that have no effect in this command; it does not take them.
        helps: help texts of this command, by field, where a flag means something more special in it.
    """

    without: tuple[str, ...] = ()
    helps: dict[str, str] = dataclasses.field(default_factory=dict)


def spelling(group: type[Flags], name: str) -> str:
    """A field as it is written in a shell."""
    if isinstance(_declared(group)[name], ArgumentInfo):
        return name.upper()
    return f"--{name.strip('_').replace('_', '-')}"


def with_flags(command: Callable[..., int]) -> Callable[..., int]:
    """The command as Typer reads it: each parameter that is a group of flags is replaced by the group's flags.

    The flags stand in the help page where the group stands in the signature.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type[Flags], list[str]]] = {}
    for each in inspect.signature(command).parameters.values():
        group, shown = _group_of(each.annotation)
        if group is None:
            parameters.append(each.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        expanded = _parameters_of(group, shown)
        parameters += expanded
        groups[each.name] = group, [flag.name for flag in expanded]

    @functools.wraps(command)
    def taking(**values: object) -> int:
        made = {name: group(**{flag: values.pop(flag) for flag in flags}) for name, (group, flags) in groups.items()}
        return command(**values, **made)

    taking.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    taking.__annotations__ = {each.name: each.annotation for each in parameters}
    return taking


def _group_of(annotation: object) -> tuple[type[Flags] | None, Shown]:
    """The group that a parameter's annotation names, and how the command shows it."""
    bare, *extras = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if not (isinstance(bare, type) and issubclass(bare, Flags)):
        return None, Shown()
    return bare, next((each for each in extras if isinstance(each, Shown)), Shown())


def _declared(group: type[Flags]) -> dict[str, Any]:
    """What Typer is told about every field."""
    return {each.name: get_args(each.type)[1] for each in dataclasses.fields(group)}  # type: ignore[arg-type]


def _parameters_of(group: type[Flags], shown: Shown) -> list[inspect.Parameter]:
    """The group's fields as parameters, without those that the command leaves out, with its own help texts."""
    found = []
    for field in dataclasses.fields(group):  # type: ignore[arg-type]
        if field.name in shown.without:
            continue
        kind, declared = get_args(field.type)
        info = copy.copy(declared)
        info.help = shown.helps.get(field.name, info.help)
        annotation = Annotated[kind, info]
        found.append(
            inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
        )
    return found
