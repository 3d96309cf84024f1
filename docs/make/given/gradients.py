"""What the page on gradients takes for granted: a function, its gradient, a point, a recipe and data."""

import jax.numpy as jnp
import numpy as np

import fallline as fl

x = {"w": np.linspace(0.5, 1.5, 4)}
recipe, data = fl.Recipe(model=fl.MLP((4,)), encoding=None), fl.load("sklearn:iris")


def f(p):
    return jnp.sum(p["w"] ** 3)


def gradient(p):
    return {"w": 3 * p["w"] ** 2}


torch_module = f
