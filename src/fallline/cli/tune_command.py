"""How `fallline tune` is read: options whose value may be omitted, and help texts that name the blocks there are."""

import re
from typing import Any

from fallline.cli.help_pages import GroupedCommand

HERE = "here"
STRATEGIES, RIVALS = "{strategies}", "{rivals}"  # placeholders in help texts, filled in from the blocks


class TuneCommand(GroupedCommand):
    """Lets `--ray` and `--halving` be given without a value: the next word is their value only if it looks like one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        found = []
        for index, word in enumerate(args):
            follower = args[index + 1] if index + 1 < len(args) else ""
            looks, usual = _may_stand_alone(word)
            found.append(f"{word}={usual}" if usual and not re.fullmatch(looks, follower) else word)
        return list(super().parse_args(ctx, found))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for option in self.params:
            for name in ("help", "metavar"):
                text = getattr(option, name, None) or ""
                if STRATEGIES in text or RIVALS in text:
                    setattr(option, name, _filled(text))
        super().format_help(ctx, formatter)


def _may_stand_alone(option: str) -> tuple[str, str]:
    """For an option whose value may be omitted: a pattern of its values, and the value if it is omitted."""
    if option == "--ray":
        return rf"auto|{HERE}|ray://.*|[^/\\]+:\d+", HERE
    if option == "--halving":
        rivals = _rivals()
        return "|".join(rivals), rivals[0]
    return "", ""


def _rivals() -> list[str]:
    """The groups of trials that a trial may compete with, the default first."""
    from fallline.core.block import declared_fields
    from fallline.strategies import Halving

    usual = Halving().among
    return sorted(declared_fields(Halving)["among"].choices or (), key=lambda each: each != usual)


def _filled(text: str) -> str:
    """A help text with the names of all strategies and of the groups that trials compete with."""
    from fallline.strategies.named import spellings

    first, *others = spellings()
    return text.replace(STRATEGIES, ", ".join([f"{first} (default)", *others])).replace(RIVALS, "|".join(_rivals()))
