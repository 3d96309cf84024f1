"""Scores at thresholds by counting rows, and the cheapest threshold by trying all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.interpretation.curves import ranked
from fallline.interpretation.thresholds import at_thresholds, best_f1, cheapest


@given(st.integers(2, 40), st.integers(0, 1000), st.sampled_from([0.1, 1.0, 5.0]))
def test_every_number_is_what_counting_gives(rows, seed, ratio):
    draw = np.random.default_rng(seed)
    score, positive = draw.integers(0, 20, rows) / 20, draw.random(rows) < 0.5
    positive[:2] = [True, False]
    counts = ranked(score, positive)
    tried = np.linspace(0, 1, 21)
    found = at_thresholds(counts, tried)
    for k, threshold in enumerate(tried):
        called = score >= threshold
        hits = (called & positive).sum()
        assert found["recall"][k] == pytest.approx(hits / positive.sum())
        assert found["false_alarms"][k] == pytest.approx((called & ~positive).mean())
        assert found["missed"][k] == pytest.approx((~called & positive).mean())
        assert found["f1"][k] == pytest.approx(2 * hits / (called.sum() + positive.sum()))

    def cost(threshold):
        called = score >= threshold
        return ((called & ~positive).sum() + ratio * (~called & positive).sum()) / rows

    best = cheapest(counts, ratio)
    assert best.cost == pytest.approx(min(cost(t) for t in [*score, 2.0]))
    assert best.cost == pytest.approx(cost(best.threshold))
    assert best.cost_at_half == pytest.approx(cost(0.5))
    here = at_thresholds(counts, np.array([best_f1(counts)]))["f1"][0]
    assert here == pytest.approx(np.nanmax(at_thresholds(counts, np.unique(score))["f1"]))
