"""Encodings in runs, populations, files and estimators."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.checking import check_recipe
from fallline.checking.recipe import gradients_of
from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.plain import from_plain
from fallline.data.table import Table
from fallline.encodings import (
    Encodings,
    InputScales,
    Periodic,
    PiecewiseEmbedding,
    PiecewiseLinear,
)
from fallline.encodings.bins import quantile_edges
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.population import evaluate
from fallline.scalers import PCA
from fallline.training.recipe import Recipe, recipe_from_plain, recipe_to_plain
from fallline.training.train import train

ALL = Encodings((PiecewiseLinear(4), Periodic(frequencies=3), PiecewiseEmbedding(3, size=2), InputScales()))
BASE = Recipe(encoding=None, model=MLP(hidden=(8,)), optimizer=Adam(1e-2), batch_size=32, epochs=3, patience=None)


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 4)).astype(np.float32)
    x[:, 2] = x[:, 2] > 0
    return Table.from_arrays(x, np.abs(x[:, 0]) + x[:, 1] * x[:, 2], seed=1)


@pytest.fixture(scope="module")
def runs(table):
    return {each: train(replace(BASE, {"encoding": each}), table) for each in (PiecewiseLinear(5), ALL)}


def test_without_an_encoding_the_inputs_are_the_scaler_itself():
    assert BASE.inputs is BASE.scaler
    assert BASE.first_width(7) == 7
    assert BASE.network(1).names() == BASE.model.network(1).names()
    plain = recipe_to_plain(BASE)
    del plain["encoding"]  # as recipes of earlier versions are written
    assert recipe_from_plain(plain) == BASE


def test_the_columns_are_chosen_and_written_into_the_recipe(runs):
    run = runs[ALL]
    assert [each.columns for each in run.recipe.encoding.parts[:3]] == [(0, 1, 3)] * 3
    assert recipe_from_plain(recipe_to_plain(run.recipe)) == run.recipe
    # 4 columns, 3 x 4 codes, 3 x 4 waves, 3 x 2 numbers
    assert run.recipe.first_width(4) == 34
    assert run.model.arrays["params"]["dense_1"]["weight"].shape == (34, 8)
    assert run.recipe.network(1).names()[:2] == ["encodings_1", "scale_1"]


def test_the_edges_are_those_of_the_training_rows(table, runs):
    stats = runs[PiecewiseLinear(5)].model.arrays["scaling"]["encoding"]
    rows = table.dataset.x[table.dataset.train][:, [0, 1, 3]]
    np.testing.assert_allclose(stats["left"], np.quantile(rows, np.arange(5) / 5, axis=0).T, rtol=1e-5, atol=1e-5)
    edges = quantile_edges(jnp.asarray(rows), jnp.ones(len(rows)), 5)
    np.testing.assert_allclose(stats["left"], edges[:, :-1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("encoding", [PiecewiseLinear(5), ALL], ids=lambda each: each.name)
def test_a_saved_model_answers_with_the_same_bits(table, runs, encoding, tmp_path):
    model = runs[encoding].model
    model.save(tmp_path / "model.safetensors")
    again = fl.load_predictor(tmp_path / "model.safetensors")
    assert again.recipe == model.recipe
    np.testing.assert_array_equal(again.predict(table.dataset.x), model.predict(table.dataset.x))


@pytest.mark.parametrize("columns", [None, (0, 1, 40)])
def test_a_model_file_whose_columns_do_not_fit_is_refused(runs, columns, tmp_path):
    model = runs[PiecewiseLinear(5)].model
    wrong = dataclasses.replace(model, recipe=replace(model.recipe, {"encoding.columns": columns}))
    wrong.save(tmp_path / "model.safetensors")
    with pytest.raises(FalllineError, match="is damaged: its encoding is of the features"):
        fl.load_predictor(tmp_path / "model.safetensors")


@pytest.mark.parametrize("by", ["quantile", "tree"])
def test_folds_equal_runs_alone(table, by):
    recipe = replace(BASE, {"encoding": PiecewiseLinear(4, by, leaf=8)})
    places = np.concatenate([table.dataset.train, table.dataset.valid])
    pairs = [(places[:60], places[60:]), (places[30:], places[:30])]
    population = evaluate([recipe], table, folds=pairs, keep=True)
    left = []
    for lane, (rows, valid) in enumerate(pairs):
        data = dataclasses.replace(table.dataset, train=rows.astype(np.int32), valid=valid.astype(np.int32))
        alone = train(population.recipes[0], dataclasses.replace(table, dataset=data))
        own = population.arrays[lane]["scaling"]["encoding"]
        for name, values in alone.model.arrays["scaling"]["encoding"].items():
            np.testing.assert_allclose(own[name], values, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(
            population.history(lane)["valid_loss"], alone.history["valid_loss"], rtol=2e-4, atol=1e-5
        )
        left.append(own["left"])
    assert np.abs(left[0] - left[1]).max() > 1e-3


def test_lanes_with_other_numbers_and_widths_share_a_program(table):
    recipes = [
        replace(
            BASE, {"encoding": replace(ALL, {"parts.1.sigma": sigma, "parts.0.beyond": beyond}), "model.hidden": (w,)}
        )
        for sigma, beyond, w in ((0.05, 0.0, 8), (0.5, 2.0, 6))
    ]
    population = evaluate(recipes, table)
    assert population.report.groups == 1
    for lane, recipe in enumerate(recipes):
        alone = train(recipe, table)
        np.testing.assert_allclose(
            population.history(lane)["valid_loss"], alone.history["valid_loss"], rtol=5e-4, atol=1e-5
        )


def test_the_gradient_of_the_whole_network_is_right(table):
    assert check_recipe(replace(BASE, {"encoding": ALL}), table).right
    linear = gradients_of(replace(BASE, {"encoding": PiecewiseLinear(3)}), table, seed=0, rows=32, share=None)
    assert linear["training"].right


def test_a_trained_encoding_needs_the_columns_themselves():
    with pytest.raises(FalllineError, match="mixes columns"):
        Recipe(scaler=PCA(2), encoding=Periodic())
    Recipe(scaler=PCA(2), encoding=PiecewiseLinear())


def test_an_encoding_without_columns_adds_nothing(table):
    plain = train(BASE, table)
    for encoding in (PiecewiseLinear(columns=()), Periodic(columns=())):
        run = train(replace(BASE, {"encoding": encoding}), table)
        assert run.model.arrays["params"]["dense_1"]["weight"].shape == (4, 8)
        np.testing.assert_allclose(run.history["valid_loss"], plain.history["valid_loss"], rtol=1e-5)


def test_words_of_the_shell_make_the_block():
    encoding = from_plain("encoding", {"name": "piecewise_linear", "bins": 12, "by": "tree"})
    assert encoding == PiecewiseLinear(12, "tree")
    both = from_plain("encoding", {"name": "encodings", "parts": [{"name": "periodic"}, "input_scales"]})
    assert both == Encodings((Periodic(), InputScales()))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PiecewiseLinear(0), "not a number of bins"),
        (lambda: PiecewiseLinear(True), "not a number of bins"),
        (lambda: PiecewiseLinear(by="width"), "by"),
        (lambda: PiecewiseLinear(leaf=-1), "leaf = -1 is not a number"),
        (lambda: PiecewiseLinear(gain=2), "gain = 2 is not a number"),
        (lambda: PiecewiseEmbedding(size=0), "size = 0"),
        (lambda: Periodic(frequencies=0), "frequencies = 0"),
        (lambda: Periodic(sigma=0.0), "sigma"),
        (lambda: Periodic(form="sine"), "form"),
        (lambda: Encodings((ALL,)), "give all of them in one list"),
        (lambda: Encodings(()), "no encodings"),
        (lambda: Recipe(encoding=MLP()), "encoding"),
    ],
)
def test_what_cannot_be_is_refused(make, said):
    with pytest.raises(FalllineError, match=said):
        make()


def test_the_embedding_starts_as_a_straight_line():
    encoding = PiecewiseEmbedding(6, size=3, columns=(0,))
    params = encoding.init(jax.random.key(0))
    x = jnp.linspace(-2, 2, 9)[:, None]
    h = np.asarray(encoding.embed(params, x, jnp.ones((9, 6))))
    np.testing.assert_allclose(np.diff(h, 2, axis=0), 0, atol=1e-6)
    assert np.abs(np.diff(h, axis=0)).min() > 0


@pytest.mark.parametrize("form", ["pbld", "plr", "plr_lite"])
def test_waves_by_hand(form):
    encoding = Periodic(frequencies=2, size=1, form=form, rate=0.5, columns=(1,))
    waves = 2 if form == "pbld" else 4
    weight = np.arange(1.0, waves + 1)[:, None]
    params = {"frequency": np.array([[1.0, 2.0]]), "phase": np.array([[0.5, 0.0]])}
    params |= {"weight": weight, "bias": np.array([0.25])}
    if form != "plr_lite":
        params |= {"weight": weight[None], "bias": np.array([[0.25]])}
    x = np.array([[9.0, 0.3], [9.0, -0.7]])
    angle = 2 * np.pi * x[:, 1:] * np.array([0.5, 1.0])
    if form == "pbld":
        expected = np.cos(angle + np.array([0.25, 0.0])) @ weight + 0.25
    else:
        expected = np.maximum(np.concatenate([np.cos(angle), np.sin(angle)], axis=1) @ weight + 0.25, 0)
    np.testing.assert_allclose(
        encoding.embed(params, jnp.asarray(x), jnp.zeros((2, 0))), expected, rtol=1e-5, atol=1e-5
    )


def test_frequencies_are_drawn_within_three_standard_deviations():
    c = (
        np.asarray(Periodic(sigma=0.2, frequencies=900, rate=0.1, columns=(0, 1)).init(jax.random.key(1))["frequency"])
        * 0.1
    )
    assert np.abs(c).max() <= 0.6
    assert 0.19 < c.std() < 0.21
