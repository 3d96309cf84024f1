"""Help pages of commands with many flags: on one screen by headings, or in full with `--help-all`."""

import textwrap
from typing import Any

from typer.core import TyperCommand

ALL = "--help-all"
MANY = 18  # flags from which a page is grouped
WIDTH = 80
OWN = "This command"
HEADINGS: dict[str, tuple[str, ...]] = {  # the fields of the flags below each heading
    "Data": (
        "target", "names", "task", "kind", "missing", "test", "valid", "test_source", "valid_source", "groups", "time",
        "stratify", "weights", "drop_missing_target", "image_size", "memory", "split", "cache",
    ),
    "Network": (
        "hidden", "activation", "dropout", "initializer", "batch_norm", "layer_norm", "pieces", "scaler", "pca", "policy",
        "normalise", "outside",
    ),
    "Training": (
        "loss", "class_weight", "target_transform", "calibrate", "optimizer", "momentum", "schedule", "learning_rate", "l1",
        "max_norm", "l2", "batch_size", "epochs", "patience", "monitor", "set_", "method", "step_size", "decay", "noise",
        "directions", "kept", "shift", "horizon", "steps", "episodes",
    ),
}  # fmt: skip
# The flags that the short page explains; it only names the others.
USUAL = {
    "target", "hidden", "epochs", "learning_rate", "set_", "recipe", "out", "trials",
    "folds", "strategy", "vary", "x", "y", "steps", "seeds",
}  # fmt: skip


class GroupedCommand(TyperCommand):
    """A command whose page shows its flags below headings, if it has many; `--help-all` explains every flag."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = args[: args.index("--")] if "--" in args else args
        if ALL in own:
            ctx.meta[ALL] = True
            args = ["--help"]
        return list(super().parse_args(ctx, args))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        options = [each for each in self.get_params(ctx) if each.param_type_name == "option" and each.name != "help"]
        if len(options) < MANY:
            super().format_options(ctx, formatter)
            return
        whole = bool(ctx.meta.get(ALL))
        arguments = [each for each in self.get_params(ctx) if each.param_type_name == "argument"]
        _section(formatter, "Arguments", [each.get_help_record(ctx) for each in arguments])
        for heading, found in grouped(options).items():
            explained = [each for each in found if whole or each.name in USUAL]
            records = [each.get_help_record(ctx) for each in explained]
            _section(formatter, heading, records if whole else [_first_words(each) for each in records])
            others = [each.opts[0] for each in found if each not in explained]
            if others:
                if not explained:
                    formatter.write_paragraph()
                    formatter.write(f"{heading}:\n")
                lines = textwrap.wrap(
                    f"also {', '.join(others)}",
                    WIDTH,
                    initial_indent="  ",
                    subsequent_indent="  ",
                    break_on_hyphens=False,
                )
                formatter.write("\n".join(lines) + "\n")
        if not whole:
            formatter.write(f"\n{ctx.command_path} {ALL} explains every flag.\n")


def grouped(options: list[Any]) -> dict[str, list[Any]]:
    """The options by heading, without empty headings; those that stand below no heading are the command's own."""
    homes = {name: heading for heading, names in HEADINGS.items() for name in names}
    found: dict[str, list[Any]] = {heading: [] for heading in (*HEADINGS, OWN)}
    for each in options:
        found[homes.get(each.name, OWN)].append(each)
    return {heading: each for heading, each in found.items() if each}


def _first_words(record: tuple[str, str]) -> tuple[str, str]:
    """A record of the short page: its help up to the first semicolon.

    >>> _first_words(("--epochs", "passes over the data; auto: by the number of steps"))
    ('--epochs', 'passes over the data')
    """
    return record[0], record[1].partition(";")[0]


def _section(formatter: Any, heading: str, records: list[Any]) -> None:
    shown = [each for each in records if each is not None]
    if shown:
        with formatter.section(heading):
            formatter.write_dl(shown)
