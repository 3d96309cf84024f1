"""`fallline explain`: the mathematics, fields and facts of any block."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.output import give

if TYPE_CHECKING:
    from fallline.core.explain import Explanation


def explain(
    name: Annotated[
        str | None, typer.Argument(help="block to explain: adam, relu, cosine, ...; default: list all blocks")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Explain a block: its formula, its numbers, when to use it."""
    import fallline.control.recipe
    import fallline.diagnosis
    import fallline.methods
    import fallline.probes
    import fallline.strategies
    import fallline.surfaces
    import fallline.training.recipe  # noqa: F401 - knows all families
    from fallline.core.explain import blocks_by_family
    from fallline.core.explain import explain as explained

    if name is None:
        listed = blocks_by_family()
        if json:
            give(listed)
        else:
            print("\n".join(_listed(listed)))
        return 0
    found = explained(name)
    if json:
        give([dataclasses.asdict(each) for each in found])
    else:
        print("\n\n".join("\n".join(_page(each)) for each in found))
    return 0


def _listed(families: dict[str, list[str]]) -> list[str]:
    import textwrap

    lines = []
    for family, names in families.items():
        text = ", ".join(names)
        lines += textwrap.wrap(text, 78, initial_indent=f"{family:<12} ", subsequent_indent=" " * 13)
    return [*lines, "", "fallline explain NAME says more of one."]


def _page(block: "Explanation") -> list[str]:
    lines = [f"{block.name} ({block.family}): {block.title}", "", block.text]
    if block.facts:
        lines.append("")
        lines += [f"  {key.replace('_', '-')}: {value}" for key, value in block.facts.items()]
    if block.fields:
        lines += ["", "Fields, with defaults:"]
        for field in block.fields:
            lines.append(f"  {field.name} = {field.default}")
            lines.append(f"      {field.help}")
            notes = [f"valid {field.valid}" if field.valid else "", f"usually {field.usual}" if field.usual else ""]
            notes.append("a new value compiles again" if field.compiles else "")
            if any(notes):
                lines.append(f"      {'; '.join(note for note in notes if note)}")
    return lines
