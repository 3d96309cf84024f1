"""What `fallline train` does with a plan: trains it, saves the run and says what came of it."""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.cli.found import show_found
from fallline.cli.output import beside_members, give, metrics_table, say
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.callbacks import Callback
    from fallline.data.table import Table
    from fallline.streams.stream import Stream
    from fallline.training.folder import Kept, Plan
    from fallline.training.recipe import Recipe
    from fallline.training.run import Run


def train_plan(plan: "Plan", out: Path | None, json: bool) -> tuple[int, "Kept"]:
    """Train a plan into a new run folder; returns the exit code and where the run was saved."""
    return train_and_save(plan, out, 10.0, json, told=False)


def train_and_save(
    plan: "Plan",
    folder: Path | None,
    checkpoint_seconds: float,
    json: bool,
    resume: Path | None = None,
    extends: bool = False,
    lost: bool = False,
    told: bool = True,
    find: bool = False,
    callbacks: "Sequence[Callback]" = (),
    ray: str | None = None,
) -> tuple[int, "Kept"]:
    """Train a plan, from the beginning or continuing from the folder `resume`, and keep the run in a folder.

    A run that `extends` the finished run in that folder is kept in a folder of its own. Returns the exit code and where the
    run was saved. `lost` ends a run that cannot end well; `told` prints its summary; `find` shows the same run if there is one
    instead of training it again; `callbacks` are told of every epoch. `ray` is the address of the cluster of the plan's workers.
    """
    from fallline.core.holding import Hold
    from fallline.streams.opening import table_of
    from fallline.streams.stream import Stream
    from fallline.training import folder as folders
    from fallline.training.identity import find_run, keep_identity, training_identity

    if "source" not in plan.data:
        raise FalllineError(
            "the recipe's [data] names no source: give one, as in fallline train data.csv --recipe FILE"
        )
    data = _opened(plan, json)
    table = table_of(data)
    plan = folders.Plan(plan.recipe, table.source, plan.seed, plan.extended, workers=plan.workers, **plan.several)
    for sentence in table.warnings:
        say(f"warning: {sentence}")
    recipe = _completed(plan, data, table)
    identity = None if isinstance(data, Stream) else training_identity(plan, recipe, table, stop_when_lost=lost)
    same = find_run(identity, folder) if find and identity is not None else None
    if same is not None:
        code, summary = show_found(same, "training", json)
        return code, folders.Kept(same, summary)
    goes_on = resume is not None and folder == resume
    folder = resume if goes_on else folders.claim_folder(folder, table.name)
    assert folder is not None
    try:
        with Hold(folder) as hold:
            if not goes_on:
                folders.begin_folder(folder, plan, None if extends else resume)
            if extends and resume is not None:
                _extend(resume, folder, plan, table)
            run = _fit(
                plan, data, table, recipe, folder, checkpoint_seconds, json, resume is not None, lost, callbacks, ray
            )

            def more(home: Path) -> None:
                _write_report(home, run, table)
                if identity is not None and not run.interrupted:
                    keep_identity(home, identity)

            kept = folders.keep(folder, plan, run, table, more, hold.check)
    except FalllineError:
        if not goes_on:
            folders.abandon_folder(folder)
        raise
    except KeyboardInterrupt:
        say(f"Stopped at once. Continue from the last checkpoint with: fallline train --resume {folder}")
        raise
    return _concluded(table, run, kept, json, told), kept


def _opened(plan: "Plan", quiet: bool) -> "Table | Stream":
    """The plan's table, or its stream, whose passes over the files are shown."""
    from fallline.cli.progress import StreamProgress
    from fallline.streams.opening import opened
    from fallline.streams.stream import Stream

    data = opened(**plan.data)
    if isinstance(data, Stream):
        with StreamProgress(quiet) as data.told:
            assert data.counts
        data.told = lambda what, rows: None
    return data


def _completed(plan: "Plan", data: "Table | Stream", table: "Table") -> "Recipe":
    """The completed recipe, before a folder is made."""
    from fallline.streams.stream import Stream
    from fallline.training.folder import checked
    from fallline.training.stream_recipe import prepare_stream

    if isinstance(data, Stream) and not data.fits:
        return prepare_stream(plan.recipe, data, plan.seed, ()).recipe
    return checked(plan, table)


def _concluded(table: "Table", run: "Run", kept: "Kept", json: bool, told: bool) -> int:
    """Print what came of a run, as a document unless it is not `told`, or for a person; returns the exit code."""
    if json:
        if told:
            give({**kept.summary, "diagnosis": run.diagnosis.to_plain(), "found": False})
    else:
        _tell(table, run, kept)
    if kept.refused:
        say(kept.sentence)
    if run.interrupted:
        say(f"Continue with: fallline train --resume {kept.folder}")
        return 130
    return 1 if kept.refused or run.outcome.label == "diverged" else 0


def _extend(run: Path, folder: Path, plan: "Plan", table: "Table") -> None:
    from fallline.training.extension import begin

    begin(run, folder, plan, table)


def _fit(
    plan: "Plan",
    data: "Table | Stream",
    table: "Table",
    recipe: "Recipe",
    folder: Path,
    checkpoint_seconds: float,
    quiet: bool,
    resume: bool,
    lost: bool,
    callbacks: "Sequence[Callback]",
    ray: str | None,
) -> "Run":
    from contextlib import nullcontext, redirect_stdout

    from fallline.diagnosis.facts import facts_of
    from fallline.diagnosis.lost import StopWhenLost
    from fallline.ensembles.train import train as fit
    from fallline.streams.stream import Stream
    from fallline.training.progress import RunProgress

    beyond = isinstance(data, Stream) and not data.fits
    # Ray prints on standard output, which is reserved for the JSON document.
    output = nullcontext() if plan.workers is None else redirect_stdout(sys.stderr)
    with RunProgress(int(recipe.epochs), quiet=quiet) as progress, output:
        run = fit(
            plan.recipe,
            data if beyond else table,
            seed=plan.seed,
            members=plan.several.get("members"),
            bag=plan.several.get("bag"),
            watch=StopWhenLost(facts_of(table.dataset), recipe, stops=lost, say=say, then=progress),
            folder=folder,
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
            progress=False,
            callbacks=callbacks,
            workers=plan.workers,
            ray=ray,
        )
    for sentence in run.notes:
        say(f"warning: {sentence}")
    if plan.extended:
        from fallline.training.extension import sentence_of

        sentence = sentence_of(dataclasses.replace(plan, recipe=run.recipe), len(table.dataset.train))
        say(f"{sentence[0].upper()}{sentence[1:]}.")
        run = dataclasses.replace(run, notes=(*run.notes, sentence))
    return run


def _write_report(folder: Path, run: "Run", table: "Table") -> None:
    from fallline.doctor.folder import keep_diagnosis
    from fallline.report.interpreted import keep_interpretation

    if run.learnt and not run.interrupted:
        sentence = keep_interpretation(folder, run, table)
        if sentence:
            say(f"warning: {sentence}")
    keep_diagnosis(folder, run.diagnosis)


def _tell(table: "Table", run: "Run", kept: "Kept") -> None:
    say(f"{table.name}: {_described(table, run)}")
    if "components" in run.scaling:
        components, of, explained = (run.scaling[name] for name in ("components", "of", "explained"))
        say(f"PCA keeps {components} of {of} components: {100 * explained:.1f} % of the variance.")
    several = len(getattr(run, "members", ()))
    say(f"{f'{several} networks' if several else 'Network'}: {run.model.size:,} parameters.")
    say(f"{run.sentence[0].upper()}{run.sentence[1:]} ({run.seconds:.1f} s).")
    if run.calibration is not None:
        say(f"{run.calibration.sentence[0].upper()}{run.calibration.sentence[1:]}.")
    say()
    say(metrics_table(beside_members(run.metrics, getattr(run, "member_metrics", None))))
    say()
    _tell_findings(run, kept.folder)
    if run.learnt:
        report = kept.folder / "report.html"
        say(f"Saved in {kept.folder}: {', '.join(kept.files)}.")
        say(f"Next: fallline predict {kept.folder} NEW_ROWS{f', or open {report}' if report.is_file() else ''}.")
    else:
        say(f"Saved in {kept.folder}: {', '.join(kept.files)}. There is no model to predict with.")
        say(f"Next: train again with a lower learning rate, or open {kept.folder / 'report.html'}.")


def _tell_findings(run: "Run", folder: Path) -> None:
    """The most important findings, a line each."""
    found = run.diagnosis.findings
    for each in found[:2]:
        say(f"Found: {each.title}. {each.evidence}")
    if found:
        say(f"Why, and what would help: fallline doctor {folder}{' --try' if any(f.remedies for f in found) else ''}.")
        say()


def _described(table: "Table", run: "Run") -> str:
    data = table.dataset
    what = f"{data.n_classes} classes" if table.task == "classification" else table.task
    counts = run.rows(table)
    rows = f"{counts['train']:,} training, {counts['valid']:,} validation, {counts['test']:,} test rows"
    return f"{what}, {data.x.shape[1]} features; {rows}"
