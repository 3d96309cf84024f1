"""How a run ended: a value inside compiled code, a sentence outside."""

import enum


class Outcome(enum.IntEnum):
    """State of a run or of a lane; every value but `RUNNING` is final."""

    RUNNING = 0
    FINISHED = 1
    STOPPED = 2
    DIVERGED = 3
    PRUNED = 4

    @property
    def label(self) -> str:
        """The word used in tables and JSON.

        >>> Outcome.STOPPED.label
        'stopped_early'
        """
        return {0: "running", 1: "finished", 2: "stopped_early", 3: "diverged", 4: "pruned"}[int(self)]

    def sentence(self, *, epochs: int, best_epoch: int, step: int, kept: str = "best") -> str:
        """One sentence that tells a person what happened.

        >>> Outcome.DIVERGED.sentence(epochs=3, best_epoch=1, step=40)
        'diverged at step 40 (epoch 3): the loss or its gradient was beyond all bounds; a lower learning rate may help'
        """
        if self is Outcome.DIVERGED:
            return (
                f"diverged at step {step} (epoch {epochs}): the loss or its gradient was beyond all bounds; "
                "a lower learning rate may help"
            )
        if self is Outcome.STOPPED:
            return f"stopped early after {epochs} epochs; the parameters are those of epoch {best_epoch}, the {kept}"
        if self is Outcome.FINISHED:
            return f"finished all {epochs} epochs; the parameters are those of epoch {best_epoch}, the {kept}"
        if self is Outcome.PRUNED:
            return f"stopped by halving after {epochs} epochs; the parameters are those of epoch {best_epoch}, the best"
        return f"still running after {epochs} epochs"
