"""A study as one of Optuna's: for its dashboard, its plots, or to go on with there."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.searching.optuna_words import of_value, of_values, optuna

if TYPE_CHECKING:
    from fallline.searching.study import Study


def to_optuna(study: "Study", storage: Any = None, name: str | None = None) -> Any:
    """Every judged trial as a trial of an Optuna study.

    Parameters are the hyperparameters' values by their names here; those of an option that is not chosen are left out.
    The value is the monitored one as people read it (an accuracy is maximised). A trial that halving stopped is pruned,
    its value that of its last epoch; scores at halving's rungs are intermediate values. One that diverged has failed.
    Outcome, standard error, epochs, seconds and metrics are user attributes.

    Arguments:
        study: a search's.
        storage: where Optuna is to keep it, such as "sqlite:///optuna.db"; None: in memory.
        name: the study's name there.

    Raises: FalllineError where Optuna is not installed.
    """
    library, space = optuna(), study.space
    states, sign = library.trial.TrialState, study.sign
    kinds = {each.name: of_values(each) for each in space.dimensions}
    dimensions = {each.name: each for each in space.dimensions}
    made = library.create_study(storage=storage, study_name=name, direction="maximize" if sign < 0 else "minimize")
    trials = []
    for each in study.trials:
        finite = np.isfinite(each.score)
        state = states.FAIL if not finite else states.PRUNED if each.outcome == "pruned" else states.COMPLETE
        last = {int(each.epochs): sign * each.score} if state == states.PRUNED else {}
        attributes = {"outcome": each.outcome, "error": each.error, "epochs": each.epochs, "seconds": each.seconds}
        trials.append(
            library.trial.create_trial(
                params={key: of_value(dimensions[key], value) for key, value in each.values.items()},
                distributions={key: kinds[key] for key in each.values},
                value=sign * each.score if state == states.COMPLETE else None,
                state=state,
                intermediate_values={epoch: sign * score for epoch, score in each.rungs.items()} | last,
                user_attrs={"trial": each.number, **attributes, **each.columns},
            )
        )
    made.add_trials(trials)
    return made
