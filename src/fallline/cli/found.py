"""A run that is found instead of trained again: what `train` and `tune` say of it."""

from pathlib import Path
from typing import Any

from fallline.cli.output import beside_members, give, metrics_table, say


def show_found(folder: Path, what: str, json: bool) -> tuple[int, dict[str, Any]]:
    """Show a finished run as if it had been trained now; returns the exit code of its training and its summary.

    Arguments:
        folder: the run's folder.
        what: "training" or "search".
        json: print a document instead.
    """
    from fallline.report.finished import read_finished
    from fallline.report.search_section import read_search
    from fallline.report.why_section import read_diagnosis

    found = read_finished(folder)
    summary = {**found.summary, "run": str(folder)}
    say(f"Found: {folder} holds the same {what}, of the same data and version of Fallline. --again does it anew.")
    if json:
        search = read_search(folder)
        more = {} if search is None else {"search": search[0]}
        give({**summary, "diagnosis": read_diagnosis(folder), **more, "found": True})
    else:
        sentence = summary["sentence"]
        say(f"{sentence[:1].upper()}{sentence[1:]}.")
        say()
        say(metrics_table(beside_members(summary["metrics"], summary.get("members", {}).get("mean_metrics"))))
        say()
        say(f"Next: fallline predict {folder} NEW_ROWS, or open {folder / 'report.html'}.")
    return 1 if summary["outcome"] == "diverged" else 0, summary
