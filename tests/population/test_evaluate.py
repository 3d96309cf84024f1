"""What a population promises: lanes equal solo runs, and nothing that one lane does reaches another."""

import numpy as np
import pytest

from fallline.activations import Sigmoid, Tanh
from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.models import MLP
from fallline.optimizers import SGD, Adam, Momentum, SkipNonfinite
from fallline.population import evaluate
from fallline.population.widths import widen
from fallline.probes import RECORDED
from fallline.strategies.halving import Halving
from fallline.training.recipe import Recipe
from fallline.training.train import train_from

BASE = Recipe(
    encoding=None, model=MLP(hidden=(8,), dropout=0.1), optimizer=Adam(1e-2), batch_size=32, epochs=5, patience=None
)


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(203, 5)).astype(np.float32)
    return Table.from_arrays(x, (x[:, 0] * x[:, 1] > 0).astype(int), seed=1)


def rates(count: int, **changes) -> list[Recipe]:
    values = np.geomspace(1e-3, 3e-2, count)
    return [replace(BASE, {"optimizer.learning_rate": float(rate), **changes}) for rate in values]


@pytest.fixture(scope="module")
def shared(table):
    return evaluate(rates(4), table)


def bits(population, lane: int) -> dict[str, np.ndarray]:
    return dict(population.history(lane).columns.items())


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


# Four lanes wherever the number does not matter: three recipes, and two with two seeds, fill the program of four.
@pytest.mark.parametrize(
    ("count", "options"),
    [
        *((4, options) for options in ({}, {"folds": 3})),
        *((3, {}), (3, {"independent_orders": True}), (2, {"seeds": 2})),
    ],
    ids=str,
)
def test_lane_equals_the_run_alone_to_rounding(table, options, count):
    population = evaluate(rates(count), table, **options)
    for lane in (0, len(population) // 2, len(population) - 1):
        run, history = population.replay(lane), population.history(lane)
        assert len(run.history) == len(history) == 5
        for name in ("train_loss", "valid_loss", "train_objective"):
            np.testing.assert_allclose(history[name], run.history[name], rtol=1e-4, err_msg=f"{lane} {name}")
        assert population.best_epoch[lane] == run.best_epoch
        assert population.step[lane] == int(run.state.step)
        if not options.get("folds"):
            assert population.columns["test_loss"][lane] == pytest.approx(run.metrics["test"]["loss"], rel=1e-4)


def test_folds_whose_minibatches_differ_in_number_equal_their_runs(table):
    # 163 training and validation rows in 2 folds train on 81 and 82: with batches of 81, one minibatch and two.
    recipes = [replace(each, {"batch_size": 81}) for each in rates(4)]
    population = evaluate(recipes, table, folds=2)
    for lane in (0, 1):
        run = population.replay(lane)
        np.testing.assert_allclose(population.history(lane)["valid_loss"], run.history["valid_loss"], rtol=1e-4)


def test_a_diverging_lane_changes_no_bit_of_another(table, shared):
    wild = rates(4)
    wild[2] = replace(wild[2], {"optimizer.learning_rate": 1e30})
    population = evaluate(wild, table)
    assert Outcome(population.outcome[2]) is Outcome.DIVERGED
    for lane in range(4):
        if lane != 2:
            assert_same(bits(population, lane), bits(shared, lane))
    assert np.isinf(population.mean_score()[2])


def test_permuting_lanes_permutes_results_to_the_bit(table, shared):
    order = np.random.default_rng(0).permutation(4)
    population = evaluate([rates(4)[place] for place in order], table)
    for lane, place in enumerate(order):
        assert_same(bits(population, lane), bits(shared, int(place)))


def test_lanes_that_only_fill_change_nothing(table, shared):
    # 3 lanes are filled up to a program of 4 on two devices; 4 fill it themselves.
    fewer = evaluate(rates(4)[:3], table)
    for lane in range(3):
        assert_same(bits(fewer, lane), bits(shared, lane))


def test_epochs_and_patience_differ_between_lanes_without_another_program(table):
    recipes = [replace(each, {"epochs": 2 + i, "patience": 1 + i % 3}) for i, each in enumerate(rates(12))]
    population = evaluate(recipes, table)
    assert population.report.groups == 1
    for lane in (0, 5, 11):
        run = population.replay(lane)
        assert population.epochs[lane] == len(run.history)
        assert Outcome(population.outcome[lane]) is run.outcome


def test_structures_become_groups_and_results_keep_their_places(table):
    recipes = [
        *rates(2),
        replace(BASE, {"optimizer": SGD(0.1)}),
        replace(BASE, {"model.hidden": (4,)}),
        *rates(2, **{"batch_size": 16}),
    ]
    population = evaluate(recipes, table)
    assert population.report.groups == 3
    assert population.recipe.tolist() == list(range(6))
    for lane in (2, 5):
        run = population.replay(lane)
        np.testing.assert_allclose(population.history(lane)["valid_loss"], run.history["valid_loss"], rtol=1e-4)


def test_ended_lanes_are_compacted_and_the_others_go_on(table):
    recipes = [replace(each, {"epochs": 40 if i % 8 == 0 else 3}) for i, each in enumerate(rates(32))]
    population = evaluate(recipes, table)
    assert population.epochs.tolist() == [40 if i % 8 == 0 else 3 for i in range(32)]
    run = population.replay(8)
    np.testing.assert_allclose(population.history(8)["train_loss"][:5], run.history["train_loss"][:5], rtol=1e-4)
    assert population.report.programs > 1


def test_table_names_what_differs(shared):
    frame = shared.table()
    assert frame["optimizer.learning_rate"].to_list() == pytest.approx(np.geomspace(1e-3, 3e-2, 4))
    assert {"recipe", "seed", "fold", "outcome", "epochs", "best_epoch", "valid_loss", "test_accuracy"} <= set(
        frame.columns
    )
    assert len(frame) == 4


def test_where_only_scores_are_wanted_they_are_the_same(table, shared):
    bare = evaluate(rates(4), table, probes=(), test=False)
    for name in ("valid_loss", "valid_accuracy", "train_loss"):
        np.testing.assert_allclose(bare.columns[name], shared.columns[name], rtol=1e-5)
    np.testing.assert_allclose(bare.score, shared.score, rtol=1e-5)
    assert bare.epochs.tolist() == shared.epochs.tolist()
    assert bare.best_epoch.tolist() == shared.best_epoch.tolist()
    with pytest.raises(FalllineError, match="recorded no probes"):
        bare.history(0)


@pytest.mark.parametrize("epochs", [(5,) * 4, (80,) * 4, (3, 4, 5, 6)], ids=str)
@pytest.mark.parametrize("options", [{}, {"folds": 3}, {"halving": Halving()}], ids=str)
def test_where_the_last_epoch_counts_the_others_need_no_validation(table, epochs, options):
    recipes = [replace(each, {"keep": "last"}) for each in rates(4)]
    recipes = [replace(each, {"epochs": count}) for each, count in zip(recipes, epochs, strict=True)]
    recipes[1] = replace(recipes[1], {"optimizer.learning_rate": 1e30})
    whole, bare = (evaluate(recipes, table, probes=probes, test=False, **options) for probes in (RECORDED, ()))
    assert bare.outcome.tolist() == whole.outcome.tolist()
    assert np.isfinite(bare.score).tolist() == (bare.recipe != 1).tolist()
    np.testing.assert_allclose(bare.score, whole.score, rtol=1e-5)
    ended = bare.outcome == Outcome.FINISHED
    np.testing.assert_allclose(bare.columns["valid_loss"][ended], whole.columns["valid_loss"][ended], rtol=1e-5)
    if len(set(epochs)) == 1:  # the second epoch is never the last of a call
        assert all(np.isnan(seen["valid_loss"][1]) for seen in bare.epochs_seen if len(seen["outcome"]) > 2)


@pytest.mark.parametrize("optimizer", [SGD(0.1), SkipNonfinite(SGD(0.1))], ids=str)
def test_where_only_scores_are_wanted_runs_end_alike(table, optimizer):
    path = "optimizer.learning_rate" if isinstance(optimizer, SGD) else "optimizer.rule.learning_rate"
    base = replace(BASE, {"optimizer": optimizer, "penalty": None, "gradient_tolerance": 0.5})
    recipes = [replace(base, {path: rate}) for rate in (1e-3, 0.3, 1e3, 1e20, 1e38)]
    whole, bare = (evaluate(recipes, table, probes=probes, test=False) for probes in (RECORDED, ()))
    assert len(set(whole.outcome)) > 1
    assert bare.outcome.tolist() == whole.outcome.tolist()
    assert bare.epochs.tolist() == whole.epochs.tolist()
    np.testing.assert_allclose(bare.score, whole.score, rtol=1e-5)


def test_compiling_ahead_compiles_each_program_once(table):
    recipes = [replace(each, {"model.hidden": (9,)}) for each in rates(3)]
    assert evaluate(recipes, table, probes=(), test=False).report.compilations == 2  # begin, advance


def test_a_second_call_of_the_same_shapes_compiles_nothing(table, shared):
    again = evaluate(rates(4, **{"penalty.strength": 1e-3, "optimizer.beta1": 0.8}), table)
    assert again.report.compilations == 0


def test_progress_counts_to_the_end(table):
    seen = []
    evaluate(rates(4), table, watch=seen.append)
    assert seen[-1].lanes_done == seen[-1].lanes == 4
    assert seen[-1].seconds_left == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [({"folds": 1}, "fold"), ({"folds": 500}, "fold"), ({"seeds": 0}, "seeds")],
)
def test_bad_input_is_named(table, options, words):
    with pytest.raises(FalllineError, match=words):
        evaluate(rates(2), table, **options)
    with pytest.raises(FalllineError, match="recipes"):
        evaluate([], table)


def test_monitors_that_cannot_be_compared_are_refused_before_any_training(table):
    recipes = [replace(BASE, {"monitor": each}) for each in ("loss", "accuracy")]
    trained = []
    with pytest.raises(FalllineError, match="accuracy, loss"):
        evaluate(recipes, table, watch=trained.append)
    assert trained == []


def test_fork_continues_a_run_under_many_recipes(table):
    long = replace(BASE, {"epochs": 8})
    half = train_from(long, table, until=3)
    whole = train_from(long, table)
    assert len(half.history) == 3
    assert half.outcome is Outcome.RUNNING
    forks = [replace(long, {"optimizer.learning_rate": rate}) for rate in (0.01, 0.0, *np.geomspace(1e-3, 1e-2, 8))]
    for recipes in (forks, forks[:2]):
        population = evaluate(recipes, table, state=half.state)
        assert population.epochs.tolist() == [5] * len(recipes)
        np.testing.assert_allclose(population.history(0)["train_loss"], whole.history["train_loss"][3:], rtol=1e-4)
        assert population.history(0)["epoch"].tolist() == [4, 5, 6, 7, 8]
        stuck = population.history(1)["valid_loss"]
        np.testing.assert_array_equal(stuck, stuck[:1].repeat(5))
        again = population.replay(2 % len(recipes))
        assert again.history["epoch"].tolist() == [4, 5, 6, 7, 8]
        np.testing.assert_allclose(
            again.history["valid_loss"], population.history(2 % len(recipes))["valid_loss"], rtol=1e-4
        )
    with pytest.raises(FalllineError, match="does not fit the recipe"):
        evaluate([replace(long, {"optimizer": SGD(0.1)})], table, state=half.state)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": Momentum(0.05)},
        {"model.activation": Tanh(), "model.batch_norm": True, "model.dropout": None, "penalty.strength": 0.01},
    ],
    ids=["relu, dropout, momentum", "tanh, batch norm, adam"],
)
def test_widths_share_a_program_and_padding_changes_nothing(table, changes):
    recipes = [replace(replace(BASE, changes), {"model.hidden": each}) for each in [(8, 8), (7, 6)]]
    population = evaluate(recipes, table)
    assert population.report.groups == 1
    assert 0 < population.report.padded < 0.5
    together, alone = population.history(1), population.replay(1).history
    for name, column in alone.columns.items():
        np.testing.assert_allclose(together[name], column, rtol=1e-4, atol=1e-6, err_msg=name)


def test_widths_too_different_or_not_paddable_stay_apart(table):
    hidden = lambda recipe, *widths: [replace(recipe, {"model.hidden": (width,)}) for width in widths]  # noqa: E731
    assert widen(hidden(BASE, 8, 7), 5, 2) == hidden(BASE, 8, 8)
    assert widen(hidden(BASE, 64, 2), 5, 2) == hidden(BASE, 64, 2)
    assert widen(hidden(BASE, 8, 7), 5, 2, runs=16) == hidden(BASE, 8, 7)  # each fills a program of its own
    sigmoid = replace(BASE, {"model.activation": Sigmoid()})
    assert widen(hidden(sigmoid, 8, 7), 5, 2) == hidden(sigmoid, 8, 7)
    assert evaluate(hidden(BASE, 8, 7), table, widths_together=False).report.groups == 2
