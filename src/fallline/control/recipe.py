"""The recipe of a policy: everything that determines a training except the environment and the seed."""

from typing import Any, ClassVar

from fallline.control.environments import OUTSIDE
from fallline.control.policies import LinearPolicy, Policy
from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, part, structure
from fallline.core.plain import from_plain, to_plain
from fallline.methods import ARS, Method


class PolicyRecipe(Block):
    """How a policy is trained on an environment, and for how long.

    Timesteps are those of the perturbed training rollouts; evaluation is not counted.

    >>> PolicyRecipe(steps=1e5).evaluate_every
    4000.0
    """

    family: ClassVar[str] = "policy_recipe"
    name: ClassVar[str] = "policy_recipe"
    policy: Policy = part(LinearPolicy(), family="policy", help="the function that acts")
    method: Method = part(ARS(), family="method", help="how its numbers are found")
    normalise: bool = structure(
        True, choices=(True, False), help="scale observations by the mean and variance of all seen so far (V2)"
    )
    shift: Number = number(
        0.0,
        usual=(0.0, 5.0),
        unit="per step",
        help="reward per step for staying alive, which training subtracts and evaluation does not",
    )
    steps: Number = number(1e6, valid="[0, inf)", usual=(1e5, 1e8), scale="log", unit="timesteps", help="of training")
    target: Number = number(
        None, optional=True, unit="return", help="stop once a confirmed evaluation reaches it; None: train to the end"
    )
    horizon: int | None = structure(
        None,
        optional=True,
        unit="timesteps",
        help="largest number of steps in a rollout; None: the environment's limit, or 1000",
    )
    outside: str = structure(
        "clip", choices=OUTSIDE, help="what happens to an action outside of its box: clipped, or passed on raw"
    )
    episodes: int = structure(20, unit="episodes", help="of one evaluation")
    evaluations: int = structure(25, help="how often the policy is evaluated over the whole training")

    def __check_init__(self) -> None:
        for name, most in (("horizon", 10**12), ("episodes", 10**6), ("evaluations", 10**6)):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise FalllineError(
                    f"PolicyRecipe.{name} = {value!r} is not a number of them: expected 1 or more, up to {most:,}"
                )

    @property
    def evaluate_every(self) -> float:
        """Timesteps of training between two evaluations."""
        return float(self.steps) / self.evaluations


def to_tables(recipe: PolicyRecipe) -> dict[str, Any]:
    """A recipe as nested dicts, without `name`, since there is only one kind of recipe."""
    return {key: value for key, value in to_plain(recipe).items() if key != "name"}


def from_tables(plain: dict[str, Any]) -> PolicyRecipe:
    """The recipe described by nested dicts.

    Raises: FalllineError for an unknown name, field or value, naming its place.
    """
    found: PolicyRecipe = from_plain("policy_recipe", {"name": "policy_recipe", **plain}, "recipe")
    return found
