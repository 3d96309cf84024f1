"""Extending a finished run: the same bits as continuing its state, a schedule that is said, and a first run that stays."""

import dataclasses
import math
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.training import extension
from fallline.training.checkpoint import LAST, NAME
from fallline.training.folder import RECIPE, Plan, begin_folder, finish_folder, has_finished, plan_to_toml, read_plan
from fallline.training.train import train_from


def finished(folder, recipe, table, seed=3):
    """A finished run in a folder, as the command leaves it."""
    plan = Plan(recipe, {"source": "memory"}, seed)
    begin_folder(folder, plan)
    run = fl.train(recipe, table, seed=seed, folder=folder)
    finish_folder(folder, plan, run, table)
    return run


@pytest.fixture(scope="module")
def first(tmp_path_factory, flowers, whole):
    folder = tmp_path_factory.mktemp("runs") / "first"
    recipe = fl.replace(whole, {"epochs": 8, "patience": 100})
    return SimpleNamespace(folder=folder, recipe=recipe, run=finished(folder, recipe, flowers))


def extended(first, table, epochs, folder):
    plan = extension.plan_of(first.folder, epochs)
    begin_folder(folder, plan)
    extension.begin(first.folder, folder, plan, table)
    return plan, fl.train(plan.recipe, table, seed=plan.seed, folder=folder, resume=True)


def contents(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_the_extended_run_is_its_state_continued_to_the_bit_with_the_whole_history(first, flowers, same, tmp_path):
    before = contents(first.folder)
    plan, run = extended(first, flowers, 14, tmp_path / "second")
    assert contents(first.folder) == before
    other = train_from(fl.replace(first.recipe, {"epochs": 14}), flowers, seed=3, state=first.run.state)
    assert same(run.state.params, other.state.params)
    assert same(run.state.memory, other.state.memory)
    assert run.history["epoch"].tolist() == list(range(1, 15))
    for name, column in run.history.items():
        assert column[:8].tobytes() == first.run.history[name].tobytes(), name
        assert column[8:].tobytes() == other.history[name].tobytes(), name
    assert (plan.extended, run.outcome) == (((8, 8),), fl.Outcome.FINISHED)


def test_the_best_epoch_so_far_is_not_lost(first, flowers, tmp_path, same):
    """A second part that only gets worse leaves the model of the first."""
    worse = dataclasses.replace(first.run.state, best_score=jnp.float32(-1.0))
    folder = tmp_path / "first"
    plan = Plan(first.recipe, {}, 3)
    begin_folder(folder, plan)
    run = fl.train(first.recipe, flowers, seed=3, folder=folder)
    writes = run.last_state
    run = dataclasses.replace(run, last_state=lambda place: writes.func(place, **{**writes.keywords, "state": worse}))
    finish_folder(folder, plan, run, flowers)
    _, longer = extended(SimpleNamespace(folder=folder), flowers, 12, tmp_path / "second")
    assert longer.best_epoch == first.run.best_epoch
    assert same(longer.model.arrays["params"], first.run.model.arrays["params"])


def test_killed_before_its_first_checkpoint_it_resumes_from_the_state_that_it_extends(first, flowers, same, tmp_path):
    _, whole = extended(first, flowers, 12, tmp_path / "whole")
    plan = extension.plan_of(first.folder, 12)
    begin_folder(tmp_path / "cut", plan)
    extension.begin(first.folder, tmp_path / "cut", plan, flowers)
    assert (tmp_path / "cut" / NAME).is_file()
    assert not has_finished(tmp_path / "cut")
    back = read_plan(tmp_path / "cut" / RECIPE)
    assert back.extended == ((8, 8),)
    again = fl.train(back.recipe, flowers, seed=back.seed, folder=tmp_path / "cut", resume=True)
    assert same(again.state, whole.state)


def test_an_extended_run_can_be_extended(first, flowers, tmp_path):
    plan, run = extended(first, flowers, 10, tmp_path / "second")
    finish_folder(tmp_path / "second", plan, run, flowers)
    plan, run = extended(SimpleNamespace(folder=tmp_path / "second"), flowers, 12, tmp_path / "third")
    assert plan.extended == ((8, 8), (10, 10))
    assert len(run.history) == 12


def test_a_run_that_stopped_early_goes_on_with_its_patience_anew(flowers, whole, tmp_path):
    recipe = fl.replace(whole, {"patience": 1, "tolerance": 1e6})
    run = finished(tmp_path / "first", recipe, flowers)
    assert run.outcome is fl.Outcome.STOPPED
    done = len(run.history)
    plan, longer = extended(SimpleNamespace(folder=tmp_path / "first"), flowers, 50, tmp_path / "second")
    assert plan.extended == ((40, done),)
    assert len(longer.history) == done + 1


def test_the_sentence_says_what_the_rate_did(first):
    plan = extension.plan_of(first.folder, 16)
    steps = math.ceil(58 / 16)

    def cosine(step, epochs):
        r = ((step + 0.5) / (epochs * steps) - 0.05) / 0.95
        return 1e-4 + (0.03 - 1e-4) * (1 + math.cos(math.pi * r)) / 2

    said = extension.sentence_of(plan, 58)
    before, after = cosine(8 * steps - 1, 8), cosine(8 * steps, 16)
    assert said == (
        "this run extends one of 8 epochs; from there on, its schedules are those of a run of 16 epochs, so the "
        f"learning rate rose from {before:.2g} to {after:.2g}"
    )
    constant = dataclasses.replace(plan, recipe=fl.replace(plan.recipe, {"optimizer.learning_rate": 0.01}))
    assert extension.sentence_of(constant, 58).endswith("and the learning rate went on as it was")
    assert extension.sentence_of(Plan(first.recipe, {}, 0), 58) == ""


def test_what_cannot_be_extended_is_said(first, flowers, prices, tmp_path):
    for epochs in (1, 8):
        with pytest.raises(
            FalllineError, match=f"--epochs {epochs} does not extend run .* has 8 epochs: expected more"
        ):
            extension.plan_of(first.folder, epochs)
    with pytest.raises(FalllineError, match="is not a run folder"):
        extension.plan_of(tmp_path, 20)
    begun = tmp_path / "begun"
    begin_folder(begun, Plan(first.recipe, {}, 0))
    with pytest.raises(FalllineError, match="has not finished: resume it without --epochs first"):
        extension.plan_of(begun, 20)
    old = tmp_path / "old"
    old.mkdir()
    for name, content in contents(first.folder).items():
        if name != LAST:
            (old / name).write_bytes(content)
    with pytest.raises(FalllineError, match="cannot be extended: its last state was not kept"):
        extension.plan_of(old, 20)
    (old / LAST).write_bytes(b"nothing")
    with pytest.raises(FalllineError):
        extension.plan_of(old, 20)
    plan = extension.plan_of(first.folder, 20)
    changed = dataclasses.replace(flowers.dataset, x=flowers.dataset.x + np.float32(1))
    with pytest.raises(FalllineError, match="belongs to another data"):
        extension.begin(first.folder, begun, plan, dataclasses.replace(flowers, dataset=changed))
    assert not (begun / NAME).exists()


@pytest.mark.parametrize("stages", [[[8]], [[0, 8]], [["8", 8]], "8", [[8, 8, 8]], [[8, True]]])
def test_stages_of_a_recipe_file_are_read_strictly(first, stages, tmp_path):
    import tomllib

    import tomli_w

    text = plan_to_toml(Plan(first.recipe, {}, 0, ((8, 8),)))
    plain = tomllib.loads(text)
    assert plain["extended"] == [[8, 8]]
    (tmp_path / RECIPE).write_text(tomli_w.dumps({**plain, "extended": stages}))
    with pytest.raises(FalllineError, match="'extended' of recipe"):
        read_plan(tmp_path / RECIPE)


def test_a_run_says_it_and_a_longer_run_keeps_the_promise(prices):
    recipe = fl.Recipe(
        model=fl.MLP(hidden=(16,)),
        optimizer=fl.Adam(fl.Cosine(0.01)),
        encoding=None,
        batch_size=16,
        epochs=20,
        patience=None,
    )
    run = fl.train(recipe, prices)
    found = run.outlook
    assert found is not None
    assert run.sentence.endswith(found.sentence)
    assert "still improving: raise epochs" in run.sentence
    longer = fl.train(fl.replace(recipe, {"epochs": found.epochs}), prices)
    assert longer.history["valid_loss"].min() < run.history["valid_loss"].min() * (1 - found.gain / 3)


def test_a_run_that_stopped_was_interrupted_or_had_no_validation_rows_says_nothing(prices, descent):
    recipe = fl.replace(descent, {"optimizer.learning_rate": 1e-3, "epochs": 20})
    run = fl.train(recipe, prices)
    assert run.outlook is not None
    for changed in ({"outcome": fl.Outcome.STOPPED}, {"outcome": fl.Outcome.DIVERGED}, {"interrupted": True}):
        assert dataclasses.replace(run, **changed).outlook is None
    alone = dataclasses.replace(prices.dataset, valid=prices.dataset.valid[:0])
    assert fl.train(recipe, dataclasses.replace(prices, dataset=alone)).outlook is None
