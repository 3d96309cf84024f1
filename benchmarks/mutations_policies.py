"""Files of trained policies: the policy, the checkpoint and the recipe."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
from mutations_changes import (
    Kind,
    altered,
    as_toml,
    finite,
    tensors_sealed,
)

import fallline as fl


def trained_policy() -> Any:
    """A policy of two layers, with scaling."""
    from fallline.control.environments import EnvironmentFacts
    from fallline.control.network import PolicyNetwork
    from fallline.control.policy import TrainedPolicy
    from fallline.control.statistics import Scaling

    network, rng = PolicyNetwork((4, 3, 2), "tanh"), np.random.default_rng(0)
    facts = EnvironmentFacts("CartPole-v1", 4, 2, True, False, 500, 475.0, {"gymnasium": "1.1"})
    scaling = Scaling(rng.normal(size=4), np.ones(4))
    return TrainedPolicy(network, rng.normal(size=network.size), scaling, facts, "clip", 500, {"seed": 1, "score": 9.5})


def policy(folder: Path) -> Kind:
    """`policy.safetensors`."""
    from fallline.control.environments import registered
    from fallline.control.policy import load_policy

    path = folder / "policy.safetensors"
    trained_policy().save(path)

    def read() -> Any:
        found = load_policy(path)
        x = np.linspace(-1, 1, found.network.widths[0])
        output = found.network.at(found.point, found.scaling)(x)
        found.act(x)
        found.differing_versions()
        assert output.shape == (found.network.widths[-1],)
        with contextlib.suppress(fl.FalllineError):
            registered(found.facts.name, "the file")
        return output.tobytes(), found.facts, found.outside, found.horizon, found.notes

    return Kind(path, read, tensors_sealed(path, "policy"), True)


def policy_training(folder: Path) -> tuple[Any, Any]:
    """The parts of a small policy training, and its state after two iterations."""
    from fallline.control.recipe import PolicyRecipe
    from fallline.control.search import open_collector
    from fallline.control.training import Training
    from fallline.methods import ARS

    recipe = PolicyRecipe(method=ARS(step=0.1, noise=0.1, directions=2), episodes=2)
    training = Training(recipe, open_collector("jax:cartpole", recipe), 0)
    progress = training.start()
    training.evaluate(progress)
    training.iterate(progress)
    training.iterate(progress)
    return training, progress


def policy_checkpoint(folder: Path) -> Kind:
    """`checkpoint.safetensors` of a policy's training."""
    from fallline.control.checkpoint import NAME, _tree, load_checkpoint, save_checkpoint
    from fallline.core.tensors import flatten

    training, progress = policy_training(folder)
    save_checkpoint(folder, progress, training.description)
    like = training.start()

    def read() -> Any:
        found = load_checkpoint(folder, like, training.description)
        assert found is not None
        finite(found.method.point)
        finite(found.best)
        found.curve.evaluation_rows()
        return [(name, array.tobytes()) for name, array in flatten(_tree(found)).items()], str(found.curve)

    return Kind(folder / NAME, read, tensors_sealed(folder / NAME, "checkpoint"), True)


def policy_recipe(folder: Path) -> Kind:
    """`recipe.toml` of a policy's training."""
    from fallline.control.folder import PolicyPlan, read_plan, write_plan
    from fallline.control.presets import preset
    from fallline.control.recipe import to_tables

    own = preset("Hopper-v5")
    write_plan(folder, PolicyPlan("Hopper-v5", own, 3, 2))
    plain = {"environment": "Hopper-v5", "seed": 3, "seeds": 2, **to_tables(own)}
    facts = trained_policy().facts

    def read() -> Any:
        found = read_plan(folder / "recipe.toml")
        found.folders(folder)
        assert found.recipe.policy.network(facts).size > 0
        return to_tables(found.recipe)

    def sealed(rng):
        return as_toml(altered(rng, plain)).encode("utf-8", "replace")

    return Kind(folder / "recipe.toml", read, sealed, False)
