"""Writes docs/families from the declarations: `python docs/make/families.py [--pictures]`.

Equations, uses and sources are the docstrings; numbers, ranges and facts are the fields' declarations. `--pictures` also
walks every rule down a ravine and records what the walk took. `tests/docs/test_families.py` fails if a page is stale.
"""

import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import flags
import jax
import jax.numpy as jnp
from elsewhere import RULES

import fallline as fl
import fallline.callbacks
import fallline.control.recipe
import fallline.diagnosis
import fallline.methods
import fallline.probes
import fallline.strategies
import fallline.surfaces
import fallline.training.recipe  # these register all families
from fallline.core.block import Block, family
from fallline.core.explain import FieldFacts, explain

DOCS = Path(__file__).parents[1]
WALKS = Path(__file__).parent / "walks.json"
NOTE = "<!-- written by docs/make/families.py from the declarations -->\n"
RAVINE = {"condition": 100.0, "angle": 30.0}
STEPS = 300

FAMILIES = {
    "optimizer": (
        "Update rules",
        "How a gradient becomes a step. Which one: [the question](../questions/optimizer.md).",
    ),
    "schedule": ("Schedules", "A number that changes during a run. [Which one](../questions/learning-rate.md)."),
    "activation": ("Activations", "What stands between two layers. [Which one](../questions/activation.md)."),
    "initializer": ("Initial weights", "Where a training begins. [Which ones](../questions/initialisation.md)."),
    "layer": ("Layers", "What a network is made of. [How many, how wide](../questions/size.md)."),
    "model": ("Models", "Layers between the inputs and the loss. [How wide, how deep](../questions/size.md)."),
    "loss": ("Losses", "What is minimised. [Which one](../questions/loss.md)."),
    "penalty": ("Penalties", "What keeps weights small. [How much](../questions/regularisation.md)."),
    "scaler": ("Scalers", "What is done to numbers first. [Which one](../questions/inputs.md)."),
    "encoding": ("Encodings", "Inputs made of the numbers. [When](../questions/inputs.md)."),
    "distribution": ("Distributions", "What a search may try. [How to search](../questions/search.md)."),
    "strategy": ("Strategies", "What a search tries next. [Which one](../questions/strategies.md)."),
    "pruner": ("Pruners", "Which trials end early. [When to stop](../questions/search.md)."),
    "method": ("Methods without gradients", "[When](../questions/without-gradients.md) values are all there is."),
    "surface": ("Surfaces", "Functions whose minima are known. [The lab](../lab.md) walks on them."),
    "callback": ("Callbacks", "What is told of a training or a search while it runs, with the right to stop it."),
    "probe": ("Probes", "What a run records of every epoch. [What curves say](../questions/curves.md)."),
    "finding": ("Findings", "What [the doctor](../doctor.md) looks for."),
}


def main() -> None:
    if "--pictures" in sys.argv[1:]:
        draw()
    for path, text in written().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def written() -> dict[Path, str]:
    """All pages that are made of declarations, by their paths."""
    found = {DOCS / f"families/{kind}.md": page(kind) for kind in FAMILIES}
    found |= {DOCS / "families/index.md": index(), DOCS / "families/api.md": api()}
    found[DOCS / "families/flags.md"] = NOTE + "\n" + flags.page()
    return {**found, DOCS / "workshop/findings.md": findings()}


def index() -> str:
    """The page that lists the families."""
    rows = [
        f"| [{title}]({kind}.md) | {', '.join(f'`{each}`' for each in own(kind))} |"
        for kind, (title, _) in FAMILIES.items()
    ]
    words = "Every block of Fallline, with its equation, its numbers and its source. `fallline explain NAME` prints "
    words += "the same in a terminal. `import fallline as fl` stands before all code."
    return "\n".join([NOTE, "# All blocks", "", wrapped(words), "", "| family | blocks |", "|---|---|", *rows, ""])


def page(kind: str) -> str:
    """The page of a family: a list, then a section for each block."""
    title, words = FAMILIES[kind]
    names = own(kind)
    rows = [f"| [`{name}`](#{anchor(name)}) | {prose(described(kind, name).title)} |" for name in names]
    parts = [NOTE, f"# {title}", "", words, "", f"| {kind} | in short |", "|---|---|", *rows, ""]
    if kind == "optimizer":
        parts += [compared(), ""]
    for name in names:
        parts += section(kind, name)
    return "\n".join(parts).rstrip() + "\n"


def own(kind: str) -> list[str]:
    """The names of a family's blocks, without those that plugins and tests registered."""
    return sorted(name for name, cls in family(kind).items() if cls.__module__.partition(".")[0] == "fallline")


def anchor(name: str) -> str:
    return name.lower()


def described(kind: str, name: str) -> Any:
    return explain(f"{kind}.{name}")[0]


def section(kind: str, name: str) -> Iterator[str]:
    """A block: what it is, its equation and source, its facts, and its numbers."""
    found = described(kind, name)
    cls = family(kind)[name]
    yield f"## {name}"
    yield ""
    public = f"fl.{cls.__name__}" if cls.__name__ in fl.__all__ else f"{cls.__module__}.{cls.__name__}"
    yield wrapped(f"`{public}`. {prose(found.title)}")
    yield ""
    yield markdown(found.text)
    if found.aliases:
        yield f"Also called {', '.join(found.aliases)}.\n"
    if found.facts:
        facts = "; ".join(f"{key.replace('_', ' ')}: {prose(value)}" for key, value in found.facts.items())
        yield wrapped(facts[0].upper() + facts[1:] + ".") + "\n"
    if kind == "optimizer" and name in walks():
        yield f"![The path of {name} down a ravine turned by 30 degrees](../pictures/{name}.svg)\n"
    if found.fields:
        yield "| field | meaning | default | valid | usual | another value compiles again |"
        yield "|---|---|---|---|---|---|"
        yield from (row(each) for each in found.fields)
        yield ""


def row(field: FieldFacts) -> str:
    again = "yes" if field.compiles else "no"
    valid = field.valid.replace("|", "or")
    return f"| `{field.name}` | {prose(field.help)} | `{field.default}` | {prose(valid)} | {field.usual} | {again} |"


def markdown(text: str) -> str:
    """A docstring as Markdown: indented or aligned paragraphs are formulas, the others prose."""
    parts = []
    for each in re.split(r"\n\s*\n", text.strip("\n")):
        lines = each.split("\n")
        if any(line.startswith(" ") for line in lines) or re.search(r"\S {2,}\S", each):
            parts.append("```text\n" + inspect.cleandoc("\n" + each) + "\n```")
        elif each.strip():
            parts.append(wrapped(prose(" ".join(lines))))
    return "\n\n".join(parts) + "\n"


def wrapped(text: str) -> str:
    """Prose in lines that can be compared."""
    return textwrap.fill(text, 98, break_long_words=False, break_on_hyphens=False)


def prose(text: str) -> str:
    """Words in which no letter means anything to Markdown; code stays."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(each if each.startswith("`") else re.sub(r"([\\*_<>\[\]|#~^])", r"\\\1", each) for each in pieces)


def compared() -> str:
    """The rules beside each other: defaults here and elsewhere, what they are good at, what a step needs."""
    lines = [
        "## Defaults, here and elsewhere",
        "",
        "Settings that give [the same numbers](../rules.md#settings-of-other-libraries) are tested step by",
        "step.",
        "",
        "| rule | here | PyTorch 2.13 | Keras 3.15 | Optax 0.2.8 |",
        "|---|---|---|---|---|",
    ]
    rules = {name: family("optimizer")[name]() for name in RULES}
    lines += [f"| `{n}` | `{rules[n]!r}` | {r.pytorch} | {r.keras} | {r.optax} |" for n, r in RULES.items()]
    lines += [
        "",
        "## Strengths, weaknesses, cost",
        "",
        "Memory is counted in arrays as large as the parameters. Steps are those down the ravine of the",
        "pictures below (condition 100, turned by 30 degrees) until a millionth of the first distance is",
        f"left, each rule at the best of 41 rates; a dash: not within {STEPS}. They are measured by",
        "`python docs/make/families.py --pictures`. AdamW has an advantage here that it has nowhere else: its",
        "decay pulls towards 0, where this minimum lies.",
        "[What an update costs in time](../rules.md#what-an-update-costs).",
        "",
        "| rule | strength | weakness | memory | steps | gradients |",
        "|---|---|---|---|---|---|",
    ]
    for name, rule in RULES.items():
        walk = walks()[name]
        steps, gradients = (str(walk[key]) if walk[key] else "-" for key in ("steps", "gradients"))
        lines.append(
            f"| `{name}` | {rule.strength} | {rule.weakness} | {memory(rules[name])} | {steps} | {gradients} |"
        )
    return "\n".join(lines) + "\n"


def memory(rule: Block) -> str:
    """How many arrays of the parameters' size a rule keeps, counted in its state."""
    n = 64
    sizes = [leaf.size for leaf in jax.tree.leaves(jax.eval_shape(rule.init, jnp.zeros(n)))]
    return f"{round(sum(sizes) / n):d}" if rule.name != "newton" else "n, for the Hessian"


def walks() -> dict[str, dict[str, Any]]:
    """What each rule took down the ravine; recorded by `--pictures`."""
    return json.loads(WALKS.read_text(encoding="utf-8")) if WALKS.exists() else {}


def draw() -> None:
    """Walk every rule down a ravine at its fastest rate, save the picture, and record the numbers."""
    surface = fl.surfaces.Ravine(**RAVINE)
    found: dict[str, dict[str, Any]] = {}
    for name in RULES:
        rates = fl.lab.rate_sensitivity([name], surface, steps=STEPS)
        rate = rates.best[name]
        walked = fl.lab.walk([fl.replace(family("optimizer")[name](), {"learning_rate": rate})], surface, steps=STEPS)
        walked.figure("contour").save(DOCS / f"pictures/{name}.svg")
        first = walked.frame.row(0, named=True)
        found[name] = {"rate": float(f"{rate:.4g}"), "steps": first["steps"], "gradients": first["gradients"]}
    WALKS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def api() -> str:
    """Functions and classes of the front door that are no blocks, with their signatures and docstrings."""
    lines = [NOTE, "# Functions and classes", "", "Blocks have [pages of their own](index.md).", ""]
    for name in sorted(fl.__all__, key=str.lower):
        value = getattr(fl, name)
        if isinstance(value, type) and issubclass(value, Block) and getattr(value, "name", ""):
            continue
        doc = inspect.cleandoc(value.__doc__ or "").split(">>>")[0]
        title, _, rest = doc.partition("\n")
        lines += [
            f"## {name}",
            "",
            "```text",
            signature(name, value),
            "```",
            "",
            wrapped(prose(title)),
            "",
            markdown(rest),
        ]
    return "\n".join(lines).rstrip() + "\n"


def findings() -> str:
    """What the scripts in findings/ show of other libraries: the comment at their beginning."""
    lines = [NOTE, "# Findings about other libraries", ""]
    words = "Each of these surprises would cost a user hours. `bash findings/NAME.sh` shows one in an environment of its own."
    lines += [wrapped(words), ""]
    for path in sorted((DOCS.parent / "findings").glob("*.sh")):
        comment = re.match(r"#!.*\n((?:#.*\n)+)", path.read_text(encoding="utf-8"))
        said = [line.removeprefix("#").strip() for line in comment[1].splitlines()] if comment else []
        lines += [f"## {path.stem}", "", wrapped(prose(" ".join(said))), "", f"`bash findings/{path.name}`", ""]
    return "\n".join(lines).rstrip() + "\n"


def signature(name: str, value: Any) -> str:
    """The call of a function or class, an argument a line if it is long; the members of an enumeration."""
    if isinstance(value, type) and issubclass(value, Enum):  # each version of Python says another call
        return f"fl.{name}: " + ", ".join(each.name for each in value)
    try:
        called = inspect.signature(value)
    except (TypeError, ValueError):
        return f"fl.{name}"
    inside = [re.sub(r"<(\w+)[^>]*>", r"<\1>", bare(each)) for each in called.parameters.values()]
    short = f"fl.{name}({', '.join(inside)})"
    return short if len(short) <= 88 else f"fl.{name}(\n" + "".join(f"    {each},\n" for each in inside) + ")"


def bare(parameter: inspect.Parameter) -> str:
    """An argument with its default, without its type."""
    return str(parameter.replace(annotation=inspect.Parameter.empty))


if __name__ == "__main__":
    main()
