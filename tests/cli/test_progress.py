import io

import numpy as np
import pytest

from fallline.cli.progress import SearchProgress, best_lines
from fallline.searching.driver import Standing
from fallline.searching.study import Trial

VALUES = {"optimizer.learning_rate.peak": 0.0123456, "model.hidden": (64, 32), "patience": 7}
BEST = Trial(5, np.zeros(3), VALUES, "finished", 0.25, 0.01, 3.0, 3, 0.1, {})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_best_trial_is_told_line_by_line():
    standing = Standing(8, 24, BEST, 3.0, 6.0, 2.0, None)
    assert best_lines(standing) == [
        "  best score 0.2500 +- 0.0100, trial 5",
        "  optimizer.learning_rate.peak  0.0123",
        "  model.hidden                  (64, 32)",
        "  patience                      7",
    ]
    assert best_lines(Standing(8, 24, BEST, 3.0, 6.0, 2.0, None, -1.0))[0] == "  best score -0.2500 +- 0.0100, trial 5"
    assert best_lines(Standing(0, 24, None, 3.0, float("nan"), 0.0, None)) == []


@pytest.mark.parametrize("outer", [False, True])
def test_a_terminal_of_80_columns_shows_all_of_it(monkeypatch, outer):
    screen = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", screen)
    with SearchProgress(quiet=False) as progress:
        standing = Standing(100, 124, BEST, 3.0, 6000.0, 2.0, None)
        if outer:
            progress.nested(10)(9, standing)
        else:
            progress(standing)
        progress.live.refresh()
    shown = screen.getvalue()
    for said in ("trial 100/124", "6000 s left", "best score 0.2500", "learning_rate.peak  0.0123", "(64, 32)"):
        assert said in shown
    assert ("outer fold 10/10" in shown) == outer
    assert "…" not in shown
