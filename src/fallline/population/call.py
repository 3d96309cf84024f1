"""One call of `evaluate`: the objects that its lane batches share, each with one owner."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from jaxtyping import Array

from fallline.core.interrupt import Interrupt
from fallline.population.job import Job
from fallline.population.ledger import LanesProgress, Ledger
from fallline.population.programs import Programs
from fallline.training.arrays import Arrays


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of `evaluate`: what all of its lane batches read and report to.

    Arguments:
        job: the work.
        arrays: the data on the devices.
        test: indices of the test rows on the devices, if lanes are evaluated on them.
        ledger: where results go.
        programs: the compiled programs.
        interrupt: notes Ctrl-C; also set by a `watch` callback that returns True.
        watch: callback after every chunk of epochs.
        began: time of the start by `time.perf_counter`.
    """

    job: Job
    arrays: Arrays
    test: Array | None
    ledger: Ledger
    programs: Programs
    interrupt: Interrupt
    watch: Callable[[LanesProgress], Any] | None
    began: float

    def tell(self) -> Any:
        """Report the progress; the call ends if the callback returns True."""
        return self.watch and self.watch(self.ledger.progress(time.perf_counter() - self.began))
