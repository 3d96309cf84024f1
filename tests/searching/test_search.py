import itertools

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.distributions import Choice, Integer, LogUniform, Uniform
from fallline.losses import AbsoluteError, Hinge, SoftmaxCrossEntropy
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.population import evaluate
from fallline.searching import driver, reservations, store, work
from fallline.searching.search import search
from fallline.searching.trial import bars_of, history_of
from fallline.searching.work import in_pieces
from fallline.strategies import Grid, Random, Sobol
from fallline.strategies.halving import Halving
from fallline.strategies.space import Space
from fallline.strategies.tpe import TPE
from fallline.training.recipe import Recipe
from fallline.workers.processes import Processes

SPACE = Recipe(
    encoding=None,
    model=MLP(hidden=(8,), dropout=Uniform(0, 0.5)),
    optimizer=Adam(LogUniform(1e-5, 1e-1)),
    batch_size=32,
    epochs=3,
    patience=None,
)


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(203, 5)).astype(np.float32)
    return Table.from_arrays(x, (x[:, 0] + x[:, 1] > 0).astype(int), seed=1)


@pytest.fixture(scope="module")
def whole(table):
    return search(SPACE, table, trials=24, batch=8, strategy=TPE(first=8), folds=2, seed=3)


def test_scores_are_those_of_the_population(table, whole):
    assert [each.number for each in whole.trials] == list(range(24))
    recipes = [whole.space.fill(each.point) for each in whole.trials[:8]]
    population = evaluate(recipes, table, folds=2)
    np.testing.assert_allclose([each.score for each in whole.trials[:8]], population.mean_score(), rtol=1e-5)
    pairs = population.score.reshape(8, 2)
    errors = np.abs(pairs[:, 0] - pairs[:, 1]) / 2  # the standard error of a mean of two
    np.testing.assert_allclose([each.error for each in whole.trials[:8]], errors, rtol=1e-3)
    frame = whole.table()
    assert frame["valid_accuracy"].mean() > 0.5
    assert {"model.dropout", "optimizer.learning_rate", "outcome", "score"} <= set(frame.columns)
    best = whole.best
    assert best.trial.score == frame["score"].min()
    assert best.recipe.optimizer.learning_rate == best.trial.values["optimizer.learning_rate"]
    assert best.model.predict(table.dataset.x).shape == (203,)


@pytest.mark.parametrize("killed", [False, True])
def test_a_study_that_was_cut_off_goes_on_with_the_same_proposals(table, whole, tmp_path, monkeypatch, killed):
    calls = []

    def cut_off(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("cut off")
        return evaluate(*arguments, **options)

    options = {"trials": 24, "batch": 8, "strategy": TPE(first=8), "folds": 2, "study": tmp_path / "s.db"}
    with monkeypatch.context() as patch:
        patch.setattr(work, "evaluate", cut_off)
        if killed:  # nobody gives the trials back, and their process is gone
            patch.setattr(store.Store, "release", lambda self, numbers: None)
        with pytest.raises(RuntimeError, match="cut off"):
            search(SPACE, table, seed=3, **options)
    if killed:
        monkeypatch.setattr(reservations, "_alive", lambda process: False)
    again = search(SPACE, table, seed=99, **options)
    np.testing.assert_array_equal([a.point for a in again.trials], [a.point for a in whole.trials])
    np.testing.assert_allclose([a.score for a in again.trials], [a.score for a in whole.trials], rtol=1e-6)
    assert again.seed == 3
    more = search(SPACE, table, **{**options, "trials": 25})
    assert len(more) == 25


def test_pieces_trained_by_another_process_give_the_same_scores(table, whole, monkeypatch):
    # The same workers' contract as Ray's, whose own start takes longer (tests/workers, benchmarks/faults.py).
    monkeypatch.setattr(work, "Ray", lambda function, shared, address: Processes(function, shared, count=1))
    seen = []
    there = search(SPACE, table, trials=16, strategy=Sobol(), folds=2, seed=3, ray=True, watch=seen.append)
    assert list(dict.fromkeys(each.done for each in seen)) == [0, 8, 16]
    for a, b in zip(there.trials[:8], whole.trials[:8], strict=True):
        assert a.values == b.values
        assert a.score == pytest.approx(b.score, rel=1e-5)


def test_diverged_trials_and_pruned_ones_are_kept_and_never_the_best(table):
    space = replace(SPACE, {"optimizer.learning_rate": Choice((1e-3, 1e30)), "epochs": 9})
    study = search(space, table, trials=16, batch=16, strategy=Random(), halving=Halving(3, least=1))
    outcomes = [each.outcome for each in study.trials]
    assert (
        outcomes.count("diverged") == sum(each.values["optimizer.learning_rate"] == 1e30 for each in study.trials) > 0
    )
    assert outcomes.count("pruned") > 0
    assert study.best.trial.outcome == "finished"
    assert np.isinf([each.score for each in study.trials if each.outcome == "diverged"]).all()
    lost = search(replace(space, {"optimizer.learning_rate": Choice((1e30, 1e31))}), table, trials=8, batch=8)
    with pytest.raises(FalllineError, match="none of 8 trials finished"):
        _ = lost.best


STUDY = {"trials": 40, "batch": 8, "folds": 2, "halving": Halving(3, among="study"), "seed": 3}


@pytest.fixture(scope="module")
def raced(table):
    return search(replace(SPACE, {"epochs": 9}), table, **STUDY)


def test_among_a_study_only_those_are_stopped_that_nobody_good_was_as_bad_as(raced):
    assert [each.number for each in raced.trials] == list(range(40))
    stopped = 0
    for each in raced.trials:
        before = tuple(other for other in raced.trials if other.number < each.number - each.number % 8)
        bars = bars_of(STUDY["halving"], before)
        if bars is not None:
            failed = [rung for rung, score in each.rungs.items() if score > bars[rung]]
            assert (each.outcome, failed) in [("pruned", [int(each.epochs)]), ("finished", []), ("diverged", [])]
            stopped += bool(failed)
    assert 0 < stopped < 30
    assert raced.best.trial.finished
    assert raced.table()["score_after_3"].is_finite().all()
    assert bars_of(Halving(), raced.trials) is None


@pytest.mark.parametrize("piece", [None, 3])
def test_what_is_left_of_a_batch_is_judged_like_all_of_it(table, raced, tmp_path, monkeypatch, piece):
    if piece is not None:
        monkeypatch.setattr(driver, "in_pieces", lambda mine, size, bars: in_pieces(mine, piece, bars))
    calls = []

    def cut_off(*arguments, **options):
        calls.append(options["bars"])
        if len(calls) == (4 if piece is None else 11):
            raise RuntimeError("cut off")
        return evaluate(*arguments, **options)

    space, options = replace(SPACE, {"epochs": 9}), STUDY | {"study": tmp_path / "s.db"}
    with monkeypatch.context() as patch:
        patch.setattr(work, "evaluate", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            search(space, table, **options)
    assert calls[-1] is not None
    again = search(space, table, **options)
    if piece is None:
        assert [a.outcome for a in again.trials] == [a.outcome for a in raced.trials]
        np.testing.assert_allclose([a.score for a in again.trials], [a.score for a in raced.trials], rtol=1e-5)
    else:
        monkeypatch.setattr(work, "evaluate", evaluate)
        undisturbed = search(space, table, **STUDY)
        assert [a.outcome for a in again.trials] == [a.outcome for a in undisturbed.trials]
        np.testing.assert_allclose([a.score for a in again.trials], [a.score for a in undisturbed.trials], rtol=1e-5)


def test_the_loss_decides_between_equal_accuracies_unless_it_is_searched(table):
    space = replace(SPACE, {"monitor": "accuracy", "keep": "last"})
    found = search(space, table, trials=16, batch=16)
    tied = [(a, b) for a, b in itertools.pairwise(found.order) if a.score == b.score]
    assert tied
    assert all(a.columns["valid_loss"] <= b.columns["valid_loss"] for a, b in tied)
    assert any(a.number > b.number for a, b in tied)
    another = Space(replace(space, {"loss": Choice((SoftmaxCrossEntropy(), Hinge()))}))
    assert history_of(another, found.trials[:0]).losses is None


def test_budgets_and_the_end_of_a_grid(table):
    assert len(search(SPACE, table, trials=90, batch=8, strategy=Grid(3))) == 9
    assert len(search(SPACE, table, trials=90, batch=8, epochs=24)) == 8
    assert len(search(SPACE, table, trials=90, batch=8, seconds=1e-9)) == 0
    seen = []
    search(SPACE, table, trials=8, watch=seen.append)
    assert (seen[0].done, seen[-1].done, seen[-1].seconds_left) == (0, 8, 0)
    assert seen[-1].best is not None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: search(replace(SPACE, {"monitor": "none"}), t), "judges no validation rows"),
        (
            lambda t: search(replace(SPACE, {"loss": Choice((SoftmaxCrossEntropy(), Hinge()))}), t),
            "loss is searched, which changes the loss itself",
        ),
        (lambda t: search(SPACE, t, trials=0), "expected 1 or more"),
        (lambda t: search(SPACE, t, seeds=0), "seeds = 0"),
        (lambda t: search(replace(SPACE, {"loss": AbsoluteError()}), t, trials=1), "is for regression"),
    ],
)
def test_bad_input_is_named(table, make, words):
    with pytest.raises(FalllineError, match=words):
        make(table)


def test_a_study_is_continued_only_with_what_it_was_begun_with(table, tmp_path):
    where = tmp_path / "s.db"
    search(SPACE, table, trials=8, study=where, batch=8)
    with pytest.raises(FalllineError, match="another space"):
        search(replace(SPACE, {"epochs": 4}), table, trials=8, study=where)
    with pytest.raises(FalllineError, match="other folds"):
        search(SPACE, table, trials=8, study=where, folds=2)
    assert len(search(SPACE, table, trials=8, study=where, name="other", batch=8)) == 8


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": -1}, r"seed = -1 is not a whole number from 0 to 2\^32 - 1"),
        ({"seed": 2**32}, "seed = 4294967296"),
        ({"seed": 1.5}, "seed = 1.5"),
        ({"seed": None}, "seed = None"),
        ({"strategy": TPE}, "is no strategy: expected one such as"),
        ({"strategy": "tp"}, "strategy 'tp' is unknown: did you mean 'tpe'"),
        ({"strategy": TPE(explore=Uniform(0, 1))}, "TPE.explore = .* is a distribution"),
        ({"halving": True}, r"halving = True is not known: expected fallline.Halving\(\)"),
        ({"halving": Halving(factor=Integer(2, 4))}, "Halving.factor = .* is a distribution"),
    ],
    ids=str,
)
def test_settings_that_no_search_can_have_are_named(table, tmp_path, options, words):
    with pytest.raises(FalllineError, match=words):
        search(SPACE, table, study=tmp_path / "s.db", **options)
    assert not list(tmp_path.iterdir())


def test_a_strategy_may_be_named(table):
    options = {"trials": 8, "batch": 8, "epochs": 1}
    named, given = search(SPACE, table, strategy="sobol", **options), search(SPACE, table, strategy=Sobol(), **options)
    assert [each.values for each in named.trials] == [each.values for each in given.trials]
