"""Compare a study's best trial with the default point of its space: is the gain more than chance?"""

import dataclasses

import numpy as np
from jaxtyping import Float

from fallline.core.block import family
from fallline.searching.study import Study
from fallline.searching.trial import Trial
from fallline.searching.work import LANE
from fallline.strategies.space import Space

_SHOWN = 4  # most values of the default point named in a sentence


@dataclasses.dataclass(frozen=True)
class AgainstDefault:
    """Scores of the space's default point and of the best trial, in the unit of the monitored value.

    Arguments:
        named: description of the default point.
        default: score of the default point.
        best: score of the best trial.
        gain: improvement of the best trial over the default point; 0 or more.
        error: standard error of the gain, from the differences fold by fold; NaN for a single split.
        runs: number of folds times seeds.
    """

    named: str
    default: float
    best: float
    gain: float
    error: float
    runs: int

    @property
    def within_error(self) -> bool:
        """Whether the best trial is within one standard error of the default point."""
        return bool(self.gain <= self.error)

    @property
    def sentence(self) -> str:
        """The comparison as a sentence."""
        if self.gain <= 0:
            return f"no trial is better than {self.named}, which scores {self.default:.4g}"
        scores = f"{self.best:.4g} against {self.default:.4g}"
        if not np.isfinite(self.error):
            return (
                f"the best trial is better than {self.named} by {self.gain:.2g} ({scores}) on one validation split; "
                "search with folds to see whether that is more than chance"
            )
        said = f"{self.gain:.2g} ({scores}), with a standard error of {self.error:.2g} over {self.runs} runs"
        if self.within_error:
            return (
                f"the best trial is within its standard error of {self.named}, better by {said}: that may be chance, "
                "and the default as good"
            )
        return f"the best trial is better than {self.named} by {said}"


def against_default(study: Study) -> AgainstDefault | None:
    """Compare the best trial with the default point, fold by fold; None if the default was not tried or did not finish.

    The best trial was selected by its score, so its gain is biased upwards.
    """
    default = _tried(study)
    if default is None or not default.finished or not study.space.holds_default:
        return None
    best = study.best.trial
    first, second = _lanes(default), _lanes(best)
    runs = len(first)
    if runs > 1 and len(second) == runs:
        error = float((first - second).std(ddof=1) / np.sqrt(runs))
    else:  # studies of earlier versions stored only the means
        error = float(np.hypot(default.error, best.error))
    sign, gain = study.sign, 0.0 if best.number == default.number else default.score - best.score
    named = _named(study.space, default)
    return AgainstDefault(named, default.score * sign, best.score * sign, gain, error, runs)


def default_sentence(study: Study) -> str | None:
    """How the best trial compares with the default point, or why there is no comparison; None without a default."""
    found = against_default(study)
    if found is not None or not study.space.holds_default:
        return None if found is None else found.sentence
    trial = _tried(study)
    named = _named(study.space, trial)
    if trial is None:
        begin = sorted(name for name, kind in family("strategy").items() if getattr(kind, "begins_with_default", False))
        return (
            f"{named} was not tried, so nothing says whether the best trial is better: the strategies "
            f"{', '.join(begin)} begin with it"
        )
    ended = "was stopped early" if trial.outcome == "pruned" else "diverged"
    return f"{named} {ended}, so the best trial is not compared with it"


def _tried(study: Study) -> Trial | None:
    """The trial at the default point, or None."""
    return next((each for each in study.trials if np.allclose(each.point, study.space.default, atol=1e-9)), None)


def _named(space: Space, trial: Trial | None) -> str:
    """The default point, described by its trial number and its first values."""
    values = space.values(space.default)
    shown = [f"{name} = {_short(value)}" for name, value in list(values.items())[:_SHOWN]]
    more = [f"{len(values) - _SHOWN} more"] if len(values) > _SHOWN else []
    which = "" if trial is None else f"trial {trial.number}, "
    return f"{which}the default point of the space ({', '.join(shown + more)})"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _lanes(trial: Trial) -> Float[np.ndarray, " runs"]:
    """The scores of a trial's runs, one per fold and seed."""
    return np.array([value for name, value in trial.columns.items() if name.startswith(LANE)], np.float64)
