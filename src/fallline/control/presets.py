"""Settings per environment, with their sources."""

import dataclasses

from fallline.control.environments import Environment, named
from fallline.control.recipe import PolicyRecipe
from fallline.methods import ARS

PAPER = "Mania, Guy and Recht, 2018, V2-t"
TUNED = "tuned for Fallline on seeds that its measurements do not use"
BY_HAND = "chosen by hand"
HALVED = f"{PAPER}, with 16 directions where it has 32, to fit four million timesteps"


@dataclasses.dataclass(frozen=True)
class Preset:
    """A recipe for an environment.

    Arguments:
        recipe: the settings.
        source: origin of the settings.
        threshold: the return at which the environment counts as solved; None: Gymnasium's, if it has one.
    """

    recipe: PolicyRecipe
    source: str
    threshold: float | None = None


def _v2(step: float, noise: float, directions: int, kept: int, shift: float, steps: float, threshold: float) -> Preset:
    method = ARS(step=step, noise=noise, directions=directions, kept=kept if kept < directions else None)
    return Preset(PolicyRecipe(method=method, shift=shift, steps=steps), PAPER, threshold)


PRESETS: dict[str, Preset] = {
    "Swimmer": Preset(
        PolicyRecipe(method=ARS(step=0.03, noise=0.3, directions=1), normalise=False, steps=2e6), TUNED, threshold=325
    ),
    "Hopper": _v2(0.01, 0.025, 8, 4, 1, 7e6, 3120),
    "HalfCheetah": dataclasses.replace(_v2(0.02, 0.03, 16, 4, 0, 4e6, 3430), source=HALVED),
    "Walker2d": _v2(0.03, 0.025, 40, 30, 1, 5e7, 4390),
    "Ant": _v2(0.015, 0.025, 60, 20, 1, 5e7, 3580),
    "Humanoid": _v2(0.02, 0.0075, 230, 230, 5, 2.5e8, 6000),
    "CartPole": Preset(PolicyRecipe(method=ARS(step=0.1, noise=0.1, directions=8), steps=1e5), TUNED, threshold=475),
    "InvertedPendulum": Preset(
        PolicyRecipe(method=ARS(step=0.1, noise=0.3, directions=8), steps=1e5), TUNED, threshold=950
    ),
    "jax:cartpole": Preset(
        PolicyRecipe(method=ARS(step=0.1, noise=0.1, directions=8), steps=1e5), TUNED, threshold=475
    ),
    "jax:lqr": Preset(
        PolicyRecipe(method=ARS(step=0.05, noise=0.05, directions=16), normalise=False, steps=1e6), BY_HAND
    ),
}
OTHERS = Preset(
    PolicyRecipe(method=ARS(step=0.02, noise=0.03, directions=16, kept=8)), "the middle of the paper's settings"
)


def preset_of(environment: Environment) -> Preset:
    """The preset of an environment in any version; for others, the middle of the paper's settings.

    >>> preset_of("Hopper-v5").recipe.method
    ARS(step=0.01, noise=0.025, directions=8, kept=4)
    >>> preset_of("Pendulum-v1").source
    "the middle of the paper's settings"
    """
    name = environment.name if hasattr(environment, "horizon") else named(environment)
    return PRESETS.get(name) or PRESETS.get(name.partition("-v")[0]) or OTHERS


def preset(environment: Environment) -> PolicyRecipe:
    """The recipe of an environment's preset."""
    return preset_of(environment).recipe
