"""Policies as blocks: the form of a policy's function, before the sizes of the environment are known."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.control.environments import EnvironmentFacts
from fallline.control.network import ACTIVATIONS, PolicyNetwork
from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import structure


class Policy(Block):
    """A deterministic policy: a network from the observation to the action, or to one number per discrete action."""

    family: ClassVar[str] = "policy"

    @abstractmethod
    def network(self, facts: EnvironmentFacts) -> PolicyNetwork:
        """The policy's function for an environment."""

    @abstractmethod
    def start(self, network: PolicyNetwork, seed: int) -> Float[np.ndarray, " size"]:
        """The initial parameters."""


class LinearPolicy(Policy):
    """The linear policy: one weight matrix, no bias, zero at the start.

        u = M z,  z the observation, scaled or not

    The smallest policy, and on MuJoCo's walkers as good as deep policies. Try it first.

    Source: Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning", 2018;
    Rajeswaran, Lowrey, Todorov and Kakade, "Towards generalization and simplicity in continuous control", 2017.

    >>> facts = EnvironmentFacts("Swimmer", 8, 2, False, True, 1000, 360.0, {})
    >>> LinearPolicy().network(facts).size
    16
    """

    name: ClassVar[str] = "linear"

    def network(self, facts: EnvironmentFacts) -> PolicyNetwork:
        return PolicyNetwork((facts.observations, facts.outputs))

    def start(self, network: PolicyNetwork, seed: int) -> Float[np.ndarray, " size"]:
        return np.zeros(network.size)


class MLPPolicy(Policy):
    """A policy with hidden layers.

        h_k = f(W_k h_(k-1) + b_k),  u = W h

    Hidden weights start as N(0, 1 / inputs), biases and the last layer as zero, so that its initial output is 0, as for the
    linear policy. Use it if the best action is not a linear function of the observation. It has more parameters, so random
    directions tell less about each of them.

    Source: LeCun, Bottou, Orr and Müller, "Efficient backprop", 1998, equation 16, for the initial weights.

    >>> MLPPolicy((16,)).hidden
    (16,)
    """

    name: ClassVar[str] = "mlp"
    hidden: tuple[int, ...] = structure((32,), unit="units", help="units of each hidden layer")
    activation: str = structure("tanh", choices=tuple(ACTIVATIONS), help="f, of the hidden layers")

    def __check_init__(self) -> None:
        if (
            not isinstance(self.hidden, tuple)
            or not self.hidden
            or any(isinstance(each, bool) or not isinstance(each, int) or each < 1 for each in self.hidden)
        ):
            raise FalllineError(
                f"MLPPolicy.hidden = {self.hidden!r} is not a list of layer widths: expected whole numbers of 1 or more, "
                "such as (32, 32); without hidden layers it is the linear policy"
            )

    def network(self, facts: EnvironmentFacts) -> PolicyNetwork:
        return PolicyNetwork((facts.observations, *self.hidden, facts.outputs), self.activation)

    def start(self, network: PolicyNetwork, seed: int) -> Float[np.ndarray, " size"]:
        point, random = np.zeros(network.size), np.random.default_rng(seed)
        for weight, _ in network.layers(point)[:-1]:  # views into the point
            weight[:] = random.normal(size=weight.shape) / np.sqrt(weight.shape[1])
        return point
