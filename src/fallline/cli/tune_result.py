"""What `fallline tune` does with a finished study: it keeps the best recipe and its model, and says what was found."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.cli.output import figures, give, metrics_table, say, table

if TYPE_CHECKING:
    from fallline.searching.nested_scores import Nested
    from fallline.searching.study import Study
    from fallline.training.folder import Kept

SHOWN = 6  # most hyperparameters in the importance table


def keep(
    found: "Study", procedure: "Nested | None", combined: Any, folder: Path, check: Callable[[], None], json: bool,
    identity: dict[str, Any] | None,
) -> int:  # fmt: skip
    """Keep the study's best recipe, its model (or that of the combined trials) and a summary of the trials in a folder.

    `identity` is what the same search is found by; None for a study that was continued or that others may change.
    """
    from fallline.report.interpreted import keep_interpretation
    from fallline.report.page import write_report
    from fallline.searching.summary import save_summary, summarise
    from fallline.training import folder as folders
    from fallline.training.identity import keep_identity

    run, said = found.best.run if combined is None else combined.run, summarise(found, procedure, combined)

    def more(home: Path) -> None:
        save_summary(home, said)
        if run.learnt and not run.interrupted:
            sentence = keep_interpretation(home, run, found.data)
            if sentence:
                say(f"warning: {sentence}")
        write_report(home)
        if identity is not None and not found.moved:
            keep_identity(home, identity)

    plan = folders.Plan(found.best.recipe, found.data.source, found.seed)
    kept = folders.keep(folder, plan, run, found.data, more, check)
    study = str(found.where)
    if json:
        give(_document(found, kept.summary, said, study))
    else:
        _tell(found, said, run.metrics, kept, study)
    if kept.refused:
        say(kept.sentence)
    if found.moved:
        say(f"{found.moved[0].upper()}{found.moved[1:]}.")
    return 1 if kept.refused or found.moved or run.outcome.label == "diverged" else 0


def _document(found: "Study", summary: dict[str, Any], said: dict[str, Any], study: str) -> dict[str, Any]:
    axes = said["hyperparameters"]
    return {
        **summary,
        "study": study,
        "trials": len(found),
        "diverged": sum(each.outcome == "diverged" for each in found.trials),
        "search_seconds": said["seconds"],
        "best": said["best"],
        "importance": {e["name"]: round(e["importance"], 4) for e in _ordered(axes) if e["importance"] is not None},
        "sensitivity": {e["name"]: e["sensitivity"] for e in axes if e["sensitivity"]},
        "edges": said["edges"],
        "default": said["default"],
        "outlook": said["outlook"],
        "nested": said["nested"],
        **({"ensemble": said["ensemble"]} if "ensemble" in said else {}),
        "found": False,
    }


def _ordered(axes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(axes, key=lambda each: -(each["importance"] or 0.0))


def _tell(found: "Study", said: dict[str, Any], metrics: dict[str, dict[str, float]], kept: "Kept", study: str) -> None:
    best = found.best.trial
    failed = sum(each.outcome == "diverged" for each in found.trials)
    diverged = f", {failed} diverged" if failed else ""
    say(f"{len(found)} trials{diverged} ({found.seconds:.0f} s); the best is trial {best.number}:")
    say()
    rows = [
        [each["name"], _shown(best.values[each["name"]]), _share(each["importance"]), _within(each["sensitivity"])]
        for each in _ordered(said["hyperparameters"])
        if each["name"] in best.values
    ][:SHOWN]
    say(table([["", "best", "importance", "within 1 % of it"], *rows]))
    say()
    monitor, error = found.space.recipe.monitor, f" +- {figures(best.error)}" if best.error == best.error else ""
    again = "the ensemble of the best" if "ensemble" in said else "trained once more"
    say(f"Its validation {monitor}: {figures(best.score * found.sign)}{error}; {again}:")
    say()
    say(metrics_table(metrics))
    if "ensemble" in said:
        say()
        say(f"{said['ensemble']['sentence'][0].upper()}{said['ensemble']['sentence'][1:]}.")
    say()
    if said["nested"] is not None:
        mean, spread = said["nested"]["mean"], said["nested"]["error"]
        scores = ", ".join(f"{name} {figures(mean[name])} +- {figures(spread[name])}" for name in list(mean)[:3])
        say(f"The whole procedure on rows it never saw, {len(said['nested']['folds'])} outer folds: {scores}.")
    for sentence in filter(None, (said["default"], *said["edges"], said["outlook"])):
        say(f"{sentence[0].upper()}{sentence[1:]}.")
    say(f"Saved in {kept.folder}: {', '.join(kept.files)}; the trials in {study}.")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _within(card: dict[str, Any] | None) -> str:
    if card is None:
        return "-"
    return str(card["sentence"]) if card["likely"] is None else " to ".join(map(_shown, card["likely"]))


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
