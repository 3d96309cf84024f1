"""Is a study's best better than what it began with, the default recipe, or is that chance?"""

import dataclasses

import numpy as np
from jaxtyping import Float

from fallline.searching.study import Study
from fallline.searching.trial import Trial
from fallline.searching.work import LANE


@dataclasses.dataclass(frozen=True)
class AgainstDefault:
    """The default recipe's score and the best trial's, in the unit of the monitored value.

    Arguments:
        default: the score of the default recipe.
        best: the best trial's.
        gain: what the best trial is better by, above 0.
        error: standard error of the gain, of the differences fold by fold; NaN for a single split.
        runs: folds times seeds.
    """

    default: float
    best: float
    gain: float
    error: float
    runs: int

    @property
    def within_error(self) -> bool:
        """Whether the best trial is within a standard error of the default recipe."""
        return bool(self.gain <= self.error)

    @property
    def sentence(self) -> str:
        """How they compare, in plain words."""
        if self.gain <= 0:
            return f"no trial is better than the default recipe, which scores {self.default:.4g}"
        scores = f"{self.best:.4g} against {self.default:.4g}"
        if not np.isfinite(self.error):
            return (
                f"the best trial is better than the default recipe by {self.gain:.2g} ({scores}) on one validation split; "
                "search with folds to see whether that is more than chance"
            )
        said = f"{self.gain:.2g} ({scores}), with a standard error of {self.error:.2g} over {self.runs} runs"
        if self.within_error:
            return (
                f"the best trial is within its standard error of the default recipe, better by {said}: that may be chance, "
                "and the default recipe as good"
            )
        return f"the best trial is better than the default recipe by {said}"


def against_default(study: Study) -> AgainstDefault | None:
    """Compare the best trial with the default recipe, fold by fold; None where that was not tried or did not finish.

    The best was chosen for its score, so its gain is too large rather than too small.
    """
    space = study.space
    tried = (each for each in study.trials if np.allclose(each.point, space.default, atol=1e-9))
    default = next(tried, None)
    if default is None or not default.finished or not space.holds_default:
        return None
    best = study.best.trial
    first, second = _lanes(default), _lanes(best)
    runs = len(first)
    if runs > 1 and len(second) == runs:
        error = float((first - second).std(ddof=1) / np.sqrt(runs))
    else:  # a study of an earlier version kept the means alone
        error = float(np.hypot(default.error, best.error))
    sign, gain = study.sign, 0.0 if best.number == default.number else default.score - best.score
    return AgainstDefault(default.score * sign, best.score * sign, gain, error, runs)


def _lanes(trial: Trial) -> Float[np.ndarray, " runs"]:
    """The scores of a trial's folds and seeds."""
    return np.array([value for name, value in trial.columns.items() if name.startswith(LANE)], np.float64)
