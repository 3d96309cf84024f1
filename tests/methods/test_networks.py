"""Networks trained by values of their loss: in the run, with its history, as a population."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.methods import ARS, FiniteDifference, OpenAIES, WithoutGradient
from fallline.optimizers import SGD
from fallline.schedules import Cosine


@pytest.fixture(scope="module")
def cancer():
    return fl.load("sklearn:breast_cancer")


def perceptron(optimizer, **more):
    return fl.Recipe(
        encoding=None, model=fl.MLP(hidden=()), optimizer=optimizer, epochs=20, patience=None, penalty=None, **more
    )


def test_a_perceptron_by_finite_differences_is_as_good_as_its_twin_by_gradients(cancer):
    """Three seeds each; the difference of the mean accuracies over all rows that neither was trained on."""
    recipes = [perceptron(SGD(Cosine(0.3))), perceptron(FiniteDifference(step=Cosine(0.3), directions=32))]
    found = []
    for recipe in recipes:
        runs = [fl.train(recipe, cancer, seed=seed) for seed in range(3)]
        hits = [
            run.metrics[part]["accuracy"] * len(getattr(cancer.dataset, part))
            for run in runs
            for part in ("valid", "test")
        ]
        found.append(sum(hits) / 3 / (len(cancer.dataset.valid) + len(cancer.dataset.test)))
        history = runs[0].history
        assert history["train_loss"][-1] < 0.7 * history["train_loss"][0]
        steps = 20 * -(-len(cancer.dataset.train) // runs[0].recipe.batch_size)
        assert history["evaluations"][-1] == steps * (1 if recipe is recipes[0] else 64)
    assert found[1] > found[0] - 0.01
    assert found[0] > 0.93


def test_the_gradient_is_not_looked_at_and_the_key_decides():
    rule = WithoutGradient(ARS(step=0.1, directions=4))
    w = {"a": jnp.arange(3.0), "b": {"c": jnp.ones((2, 2))}}
    bowl = lambda w: jnp.sum(w["a"] ** 2) + jnp.sum(w["b"]["c"] ** 2)  # noqa: E731
    state = rule.init(w)
    step = lambda gradient, key: rule.update(gradient, state, w, objective=bowl, key=key)[0]  # noqa: E731
    keys = [jax.random.key(seed) for seed in (1, 2)]
    one, same, other = step(None, keys[0]), step(jax.grad(bowl)(w), keys[0]), step(None, keys[1])
    assert all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(same), strict=True))
    assert not np.array_equal(one["a"], other["a"])


def test_it_is_the_method_on_the_vector_of_all_params():
    method = OpenAIES(optimizer=SGD(0.3), directions=5)
    rule, w = WithoutGradient(method), {"a": jnp.arange(3.0), "b": jnp.ones(2)}
    bowl = lambda w: jnp.sum(w["a"] ** 2) + jnp.sum(w["b"] ** 2)  # noqa: E731
    state = method.start(jnp.array([0.0, 1, 2, 1, 1]), jax.random.key(5))
    after = method.tell(state, jnp.sum(method.ask(state) ** 2, axis=1))
    delta, _ = rule.update(None, rule.init(w), w, objective=bowl, key=jax.random.key(5))
    np.testing.assert_allclose(
        jnp.concatenate([delta["a"], delta["b"]]), after.point - state.point, rtol=1e-4, atol=1e-6
    )


def test_a_population_over_steps_is_one_program_and_its_lanes_are_the_runs(cancer):
    recipe = fl.replace(perceptron(ARS(step=0.05, directions=8)), {"epochs": 4})
    recipes = [fl.replace(recipe, {"optimizer.method.step": step}) for step in (0.01, 0.05)]
    population = fl.evaluate(recipes, cancer)
    assert population.report.programs == 1
    alone = fl.train(recipes[1], cancer)
    np.testing.assert_allclose(population.history(1)["train_loss"], alone.history["train_loss"], rtol=2e-3)
    assert not np.allclose(population.history(0)["train_loss"], alone.history["train_loss"], rtol=0.01)


def test_what_cannot_be_compiled_is_refused():
    with pytest.raises(fl.FalllineError, match="method 'cma_es' cannot be compiled into a run"):
        fl.Recipe(optimizer=fl.CMAES())
