"""From a network's answers to classes and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.target import Target

if TYPE_CHECKING:
    from jaxtyping import Float


def check_answer(answer: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows targets"]:
    """The answer itself; raises FalllineError where it holds NaN or infinity."""
    finite = np.isfinite(answer)
    if answer.ndim == 2 and not finite.all():
        bad = int((~finite.all(axis=1)).sum())
        raise FalllineError(
            f"the model's answer for {bad:,} of {len(answer):,} rows is not a finite number: its training diverged, or its "
            "file was changed; train it again with a lower learning rate"
        )
    return answer


def decided(target: Target, answer: Float[np.ndarray, "rows targets"]) -> np.ndarray:
    """Turn probabilities into classes; the values of a regression stay as they are.

    Raises: FalllineError for answers that are not finite: `argmax` would turn NaN into a class without an error.

    >>> decided(Target(("y",), "classification", ("no", "yes")), np.array([[0.2, 0.8]])).tolist()
    ['yes']
    """
    check_answer(answer)
    if target.task == "classification":
        return target.decode(answer.argmax(axis=1))
    if target.task == "multilabel":
        return (answer > 0.5).astype(np.int64)
    return answer[:, 0] if answer.shape[1] == 1 else answer


def check_probable(task: str, loss: str | None) -> None:
    """Raises: FalllineError where a model has no probabilities: in regression, and with a loss that yields scores.

    Arguments:
        task: of the model.
        loss: the name of its loss if that loss yields scores.
    """
    if task == "regression":
        raise FalllineError("a regression has no probabilities: ask for predictions")
    if loss is not None:
        raise FalllineError(
            f"a model trained with the {loss} loss has scores and no probabilities: ask for predictions alone, or "
            "train with a cross-entropy"
        )


def narrow(answers: np.ndarray) -> np.ndarray:
    """Answers in float32, as compiled programs give them; numbers beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return answers.astype(np.float32)
