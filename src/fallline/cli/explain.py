"""`fallline explain`: the mathematics, fields and facts of any block."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.concepts import Concept, concept_of
from fallline.cli.output import give
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.core.explain import Explanation, Mention

RELATED = 5  # most related places that are listed below a block


def explain(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]", help="block or subject: adam, he, cosine, dead units, ...; default: list all blocks"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Explain a block: its formula, its numbers, when to use it."""
    import fallline.callbacks
    import fallline.control.recipe
    import fallline.diagnosis
    import fallline.methods
    import fallline.probes
    import fallline.strategies
    import fallline.surfaces
    import fallline.training.recipe  # noqa: F401 - knows all families
    from fallline.core.explain import blocks_by_family, mentions
    from fallline.core.explain import explain as explained

    name = " ".join(words or ())
    if not words:
        listed = blocks_by_family()
        if json:
            give(listed)
        else:
            print("\n".join(_listed(listed)))
        return 0
    try:
        found = explained(name)
    except FalllineError:
        whole = _family(name)
        return _of_family(whole, json) if whole else _mentioned(name, json)
    if json:
        give([dataclasses.asdict(each) for each in found])
    else:
        concept = concept_of(name)
        pages = [] if concept is None else [_concept(concept)]
        if len(found) > 1:
            pages.append(_several(name, found))
        print("\n\n".join("\n".join(each) for each in [*pages, *(_page(each) for each in found)]))
        own = {each.name for each in found}
        related = [each for each in mentions(name, RELATED + len(own)) if each.name not in own][:RELATED]
        if related:
            print("\nRelated:\n" + "\n".join(_lines(related)))
    return 0


def _mentioned(text: str, json: bool) -> int:
    """Where a word is spoken of that is no block's name; raises again where nothing speaks of it."""
    from fallline.core.explain import explain as explained
    from fallline.core.explain import mentions

    concept, found = concept_of(text), mentions(text)
    if concept is None and not found:
        explained(text)
    if json:
        give(
            [*([] if concept is None else [dataclasses.asdict(concept)]), *(dataclasses.asdict(each) for each in found)]
        )
        return 0
    if concept is not None:
        print("\n".join(_concept(concept)) + ("\n\nThese speak of it:\n" if found else ""))
    else:
        print(f"No block is called {text}. These speak of it:\n")
    print("\n".join(_lines(found)))
    print("\nfallline explain NAME says more of a block.")
    return 0


def _several(name: str, found: "list[Explanation]") -> list[str]:
    """What a name of several blocks stands for, and how to ask for one of them."""
    import textwrap

    named = ", ".join(f"{each.name} ({each.family})" for each in found)
    said = f"{name} is the name of {len(found)} blocks: {named}."
    return textwrap.wrap(f"{said} For one alone: fallline explain {found[-1].family}.{found[-1].name}", 78)


def _concept(concept: Concept) -> list[str]:
    """A concept in words, and where it is answered."""
    import textwrap

    lines = textwrap.wrap(f"{concept.names[0]}: {concept.line}", 78)
    if concept.see:
        lines += ["", *textwrap.wrap(f"See: {', '.join(concept.see)}", 78)]
    return [*lines, "", f"Try: {concept.command}"] if concept.command else lines


def _family(name: str) -> str:
    """The family that a word names, in the singular or the plural; "" for other words."""
    from fallline.core.block import families, spelt

    own = spelt(name)
    names = {form: each for each in families() for form in (each, f"{each}s", f"{each}es", f"{each[:-1]}ies")}
    return next((each for form, each in names.items() if spelt(form) == own), "")


def _of_family(kind: str, json: bool) -> int:
    """Every block of a family, with the line that says what it is."""
    from fallline.core.block import family
    from fallline.core.explain import Mention
    from fallline.core.explain import explain as explained

    found = [each for name in sorted(family(kind)) for each in explained(f"{kind}.{name}")]
    if json:
        give([{"name": each.name, "family": each.family, "title": each.title} for each in found])
        return 0
    print(f"{kind}: {len(found)} blocks\n")
    print("\n".join(_lines([Mention(each.name, kind, each.title) for each in found])))
    print("\nfallline explain NAME says more of a block.")
    return 0


def _lines(found: "list[Mention]") -> list[str]:
    import textwrap

    said = (f"{each.name} ({each.family}): {each.line}" for each in found)
    return [line for each in said for line in textwrap.wrap(each, 78, initial_indent="  ", subsequent_indent="      ")]


def _listed(families: dict[str, list[str]]) -> list[str]:
    import textwrap

    lines = []
    for family, names in families.items():
        text = ", ".join(names)
        lines += textwrap.wrap(text, 78, initial_indent=f"{family:<12} ", subsequent_indent=" " * 13)
    return [*lines, "", "fallline explain NAME says more of one."]


def _page(block: "Explanation") -> list[str]:
    lines = [f"{block.name} ({block.family}): {block.title}", "", block.text]
    if block.aliases:
        lines += ["", f"  also called: {', '.join(each.replace('_', ' ') for each in block.aliases)}"]
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
