"""`fallline doctor`: what went wrong with a run, the evidence, and a remedy that was tried."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.output import figures, give, say, table
from fallline.cli.system import tell_system
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.diagnosis.diagnosis import Diagnosis
    from fallline.doctor.case import Case

Opt = typer.Option
WIDTH = 79


def doctor(
    run: Annotated[Path | None, typer.Argument(help="run folder")] = None,
    try_: Annotated[
        bool, Opt("--try", help="train with each remedy and with pairs of them, beside plain reruns")
    ] = False,
    fix: Annotated[
        bool, Opt("--fix", help="train again with the remedy that helped most, in a new run folder")
    ] = False,
    seeds: Annotated[int, Opt(min=2, help="seeds of every remedy")] = 3,
    out: Annotated[Path | None, Opt(help="folder of the improved run (default: runs/NAME-k)")] = None,
    system: Annotated[
        bool, Opt("--system", help="instead of a run: this machine's versions, devices, memory and cache")
    ] = False,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Say what went wrong with a run, and what would help.

    Writes diagnosis.json into the run folder, and its report again.
    """
    if system:
        if run is not None or try_ or fix:
            raise FalllineError("--system is about this machine: leave RUN, --try and --fix out")
        tell_system(json)
        return 0
    if run is None:
        raise FalllineError("no RUN to diagnose: expected a run folder; --system describes this machine")
    from fallline.doctor.case import case_of_folder
    from fallline.doctor.diagnose import diagnose_case
    from fallline.doctor.folder import keep_diagnosis

    case = case_of_folder(run)
    quiet: Callable[[str], None] = (lambda text: None) if json else say
    found = diagnose_case(case, try_remedies=try_ or fix, seeds=seeds, say=quiet)
    document = {"run": str(run), **found.to_plain()}
    keep_diagnosis(run, found)
    if not json:
        print("\n".join(page(found)))
    code, fixed = _fixed(case, found, out, json, quiet) if fix else (0, {})
    if json:
        give(document | fixed)
    return code


def _fixed(
    case: "Case", found: "Diagnosis", out: Path | None, json: bool, quiet: Callable[[str], None]
) -> tuple[int, dict[str, Any]]:
    """Train again with the remedy that helped most; returns the exit code, and what to add to the document."""
    from fallline.cli.train_run import train_plan
    from fallline.training.folder import Plan

    better = None if found.tried is None else found.tried.best
    if better is None:
        quiet("Nothing was changed: no remedy was better than the plain recipe by more than its error.")
        return 0, {}
    assert case.plan is not None
    plan = Plan(better.remedy.apply(case.recipe), case.plan.data, case.seed)
    quiet(f"Training again with {better.remedy.name}.")
    code, kept = train_plan(plan, out, json)
    quiet(f"Before: {_metrics(case.metrics)}. Now: {_metrics(kept.summary['metrics'])}.")
    return code, {"fixed": kept.summary}


def _metrics(metrics: Mapping[str, Mapping[str, float]]) -> str:
    split = "test" if "test" in metrics else next(iter(metrics))
    name = next(each for each in metrics[split] if each != "loss")
    return f"{split} {name} {figures(float(metrics[split][name]))}"


def checked(found: "Diagnosis") -> list[str]:
    """What was checked and what could not be judged, by subject, as lines for a terminal."""
    import textwrap

    parts = dict(found.subjects)
    if found.unseen:
        parts["not judged"] = found.unseen
    side = max((len(each) for each in parts), default=0) + 4
    lines: list[str] = []
    for name, titles in parts.items():
        first = f"  {name}".ljust(side)
        text, indent = "; ".join(titles), " " * side
        lines += textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
    return lines


def page(found: "Diagnosis") -> list[str]:
    """The findings as lines for a terminal."""
    import textwrap

    lines: list[str] = []
    if found.healthy:
        lines += [*textwrap.wrap(found.bill, WIDTH), "", *checked(found), ""]
    for number, each in enumerate(found.findings, start=1):
        at = f" (epoch {each.epoch})" if each.epoch else ""
        lines.append(
            f"{number}. {each.title[:1].upper()}{each.title[1:]}{at}: {each.name}, {100 * each.confidence:.0f} % sure"
        )
        remedies = ", ".join(remedy.name for remedy in each.remedies)
        for text in (each.evidence, each.cause, f"To try: {remedies}." if remedies else "", each.advice):
            lines += textwrap.wrap(text, WIDTH, initial_indent="   ", subsequent_indent="   ")
        lines.append("")
    if found.explained:
        listed = ", ".join(f"{each.title} (from {each.explained_by})" for each in found.explained)
        lines += [*textwrap.wrap(f"Also seen, and explained by these: {listed}.", WIDTH), ""]
    if len(found.skills) > 1:
        said = ", ".join(f"{name} {value:.3f}" for name, value in found.skills.items())
        lines += textwrap.wrap(f"Skill (1 is perfect, 0 is a constant answer): {said}.", WIDTH)
    if found.tried is not None:
        lines += ["", *textwrap.wrap(found.tried.sentence, WIDTH), ""]
        rows = [["change", "verdict", f"gain in {found.tried.measure}", "error", "epochs"]]
        rows += [
            [each.remedy.name, each.verdict, figures(each.gain), figures(each.error), f"{each.epochs:.0f}"]
            for each in found.tried.tried
        ]
        lines += table(rows).splitlines() if len(rows) > 1 else []
    return lines
