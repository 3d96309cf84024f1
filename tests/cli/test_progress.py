import io

import numpy as np
import pytest

from fallline.cli.progress import CheckProgress, PolicyProgress
from fallline.control.state import RolloutProgress
from fallline.searching.driver import Standing
from fallline.searching.progress import SearchProgress, best_lines
from fallline.searching.trial import Trial
from fallline.training.history import History
from fallline.training.progress import RunProgress
from fallline.training.run import Moment

VALUES = {"optimizer.learning_rate.peak": 0.0123456, "model.hidden": (64, 32), "patience": 7}
BEST = Trial(5, np.zeros(3), VALUES, "finished", 0.25, 0.01, 3.0, 3, 0.1, {})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_best_trial_is_told_line_by_line():
    standing = Standing(8, 24, 3.0, BEST, 6.0, 2.0, None)
    assert best_lines(standing) == [
        "  best score 0.2500 +- 0.0100, trial 5",
        "  optimizer.learning_rate.peak  0.0123",
        "  model.hidden                  (64, 32)",
        "  patience                      7",
    ]
    assert best_lines(Standing(8, 24, 3.0, BEST, 6.0, 2.0, None, -1.0))[0] == "  best score -0.2500 +- 0.0100, trial 5"
    assert best_lines(Standing(0, 24, 3.0, None, float("nan"), 0.0, None)) == []


def terminal(monkeypatch) -> Terminal:
    """A terminal of 80 columns on standard error."""
    found = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", found)
    return found


HISTORY = History({name: np.array([value]) for name, value in (("train_loss", 0.5), ("valid_loss", np.nan))})
SHOWN = [
    (lambda: RunProgress(20, False), [Moment(7, 20, 1.0, HISTORY, 6)], ("epoch 7/20", "loss 0.5000")),
    (lambda: CheckProgress(False), ["training", 60, 600], ("gradient, as in training", "10 %")),
    (
        lambda: PolicyProgress(4e4, "seed 3: ", False),
        [RolloutProgress(12_000, 40_000, 1.0, 31.5, 2)],
        ("12,000/40,000 timesteps", "seed 3: best 31.5", "2 rollouts failed"),
    ),
]


@pytest.mark.parametrize(("make", "moment", "shown"), SHOWN, ids=["run", "check", "policy"])
def test_a_bar_on_a_terminal_says_where_the_work_stands(monkeypatch, make, moment, shown):
    screen = terminal(monkeypatch)
    with make() as progress:
        progress(*moment)
        progress.drawn.refresh()
    for said in shown:
        assert said in screen.getvalue()
    assert "validation" not in screen.getvalue()  # there is none


@pytest.mark.parametrize("outer", [False, True])
def test_a_terminal_of_80_columns_shows_all_of_it(monkeypatch, outer):
    screen = terminal(monkeypatch)
    with SearchProgress(quiet=False) as progress:
        standing = Standing(100, 124, 3.0, BEST, 6000.0, 2.0, None)
        if outer:
            progress.nested(10)(9, standing)
        else:
            progress(standing)
        progress.drawn.refresh()
    shown = screen.getvalue()
    for said in ("trial 100/124", "6000 s left", "best score 0.2500", "learning_rate.peak  0.0123", "(64, 32)"):
        assert said in shown
    assert ("outer fold 10/10" in shown) == outer
    assert "…" not in shown
