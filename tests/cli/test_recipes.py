"""Flags to recipe: every rule with every schedule, from the shell."""

import pytest

from fallline.cli.recipes import changed
from fallline.core.block import family, get
from fallline.core.errors import FalllineError
from fallline.schedules import Cosine, Milestone, Milestones, OneCycle
from fallline.training.recipe import Recipe, complete, recipe_from_plain, recipe_to_plain


@pytest.mark.parametrize("schedule", family("schedule"))
@pytest.mark.parametrize("optimizer", family("optimizer"))
def test_every_rule_takes_every_schedule_and_a_rate(optimizer, schedule):
    recipe = changed(Recipe(), {"optimizer": optimizer, "schedule": schedule, "learning_rate": 0.05}, [])
    rule = recipe.optimizer.rule if hasattr(recipe.optimizer, "rule") else recipe.optimizer
    assert rule.learning_rate.name == schedule
    assert max(rule.learning_rate.reached()) == pytest.approx(0.05)
    assert recipe_from_plain(recipe_to_plain(recipe)) == recipe
    assert complete(recipe, task="classification", training_rows=1000).batch_size == (1000 if rule.full_batch else 32)


@pytest.mark.parametrize("name", ["ars", "brs", "finite_difference", "spsa", "openai_es"])
def test_methods_without_gradients_are_optimizers_too(name):
    recipe = changed(Recipe(), {"optimizer": name, "learning_rate": 0.05}, ["optimizer.method.noise=0.2"])
    method = recipe.optimizer.method
    assert (method.name, method.noise) == (name, 0.2)
    rate = recipe.optimizer.learning_rate
    assert rate == (0.05 if name == "spsa" else Cosine(0.05))
    assert recipe_from_plain(recipe_to_plain(recipe)) == recipe


def test_what_is_no_optimizer_is_refused_with_the_nearest():
    with pytest.raises(FalllineError, match="optimizer 'arse' is unknown: did you mean 'ars'"):
        changed(Recipe(), {"optimizer": "arse"}, [])
    with pytest.raises(FalllineError, match="'cma_es' cannot be compiled into a run"):
        changed(Recipe(), {"optimizer": "cma_es"}, [])


def test_momentum_goes_to_a_rule_that_has_one():
    recipe = changed(Recipe(), {"optimizer": "rmsprop", "schedule": "one_cycle", "optimizer.momentum": 0.9}, [])
    assert recipe.optimizer.momentum == 0.9
    assert recipe.optimizer.learning_rate == OneCycle(1e-3)
    with pytest.raises(FalllineError, match="Adam has no field 'momentum'"):
        changed(Recipe(), {"optimizer": "adam", "optimizer.momentum": 0.9}, [])


def test_a_table_by_flag_keeps_its_shape_and_can_be_written_out():
    flags = {"optimizer": "sgd", "schedule": "table", "learning_rate": 0.5}
    recipe = changed(Recipe(), dict(flags), [])
    values = [each.value for each in recipe.optimizer.learning_rate.milestones]
    assert values == pytest.approx([0.5, 0.05, 0.005])
    setting = "optimizer.learning_rate.milestones=[[0, 0.1], [5, 0.01]]"
    written = changed(Recipe(), dict(flags), [setting])
    assert get(written, "optimizer.learning_rate") == Milestones((Milestone(0.0, 0.1), Milestone(5.0, 0.01)))
