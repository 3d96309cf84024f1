"""`diagnose(run)`: the whole evidence of a run, judged; and remedies that were tried."""

import dataclasses
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.diagnosis import Diagnosis, Evidence, judge
from fallline.diagnosis.light import light_evidence
from fallline.doctor import data as looked
from fallline.doctor.case import Case, case_of, case_of_folder, own_blocks
from fallline.doctor.network import examine_both
from fallline.training.run import Run


def diagnose(
    run: Run | str | Path,
    data: Table | None = None,
    *,
    try_remedies: bool = False,
    seeds: int = 3,
    say: Callable[[str], None] | None = None,
) -> Diagnosis:
    """What went wrong with a run, the evidence, and what would help.

    Arguments:
        run: a run, or a run folder.
        data: the table of the run; default: the one that it was trained on.
        try_remedies: train the recipe with each remedy and with pairs of them, beside a plain rerun with the same seeds.
        seeds: number of seeds of such a comparison.
        say: told in a sentence what is being done.

    Raises: FalllineError for a folder without a finished run, or a source that has changed.

    >>> import fallline as fl
    >>> run = fl.train(fl.Recipe(optimizer=fl.SGD(1e30)), fl.load("sklearn:iris"))
    >>> fl.diagnose(run).findings[0].name
    'rate_diverges'
    """
    if isinstance(run, str | Path):
        case = case_of_folder(Path(run))
    elif isinstance(run, Run):
        case = case_of(run, data)
    else:
        raise FalllineError(f"run of type {type(run).__name__} cannot be diagnosed: expected a Run or a run folder")
    return diagnose_case(case, try_remedies=try_remedies, seeds=seeds, say=say)


def diagnose_case(
    case: Case, *, try_remedies: bool = False, seeds: int = 3, say: Callable[[str], None] | None = None
) -> Diagnosis:
    """`diagnose` for a case."""
    found = judge(evidence_of(case))
    if not try_remedies:
        return found
    from fallline.doctor.trying import try_all

    return dataclasses.replace(found, tried=try_all(case, found, seeds=seeds, say=say))


def evidence_of(case: Case) -> Evidence:
    """The whole evidence of a case: a few passes through the network, a forest, and statistics of the data."""
    evidence = light_evidence(
        case.recipe,
        case.data,
        case.history,
        case.metrics,
        outcome=case.outcome,
        best_epoch=case.best_epoch,
        steps=case.steps,
        learnt=case.model is not None,
    )
    with ThreadPoolExecutor(1) as pool:  # the forest grows while the network's programs are compiled
        growing = pool.submit(looked.forest_of, case)
        opening, closing, scaled = examine_both(case)
    forest = growing.result()
    return dataclasses.replace(
        evidence,
        skills={**evidence.skills, **looked.forest_skill(case, forest)},
        opening=opening,
        closing=closing,
        held=looked.answers_of(case, forest),
        columns=looked.columns_of(case, scaled),
        split=looked.split_of(case),
        gradient=_gradient(case) if math.isfinite(opening.loss) else "",
    )


def _gradient(case: Case) -> str | None:
    """The verdict on the gradient of a recipe with blocks of the user's own: empty if it is right; None if there are none."""
    names = own_blocks(case.recipe)
    if not names:
        return None
    from fallline.checking.recipe import gradients_of

    found = gradients_of(case.recipe, case.data, seed=case.seed, rows=8, share=0.2)
    wrong = [each for each in found.values() if not each.right]
    return f"The gradient of a network with {', '.join(names)} is wrong: {wrong[0].verdict}" if wrong else ""
