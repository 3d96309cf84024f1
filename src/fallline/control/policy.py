"""A trained policy, and its file: parameters, the scaling of its observations, what it was trained on."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.control.environments import Facts, action_rule, versions
from fallline.control.network import ACTIVATIONS, Network
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError
from fallline.core.tensors import load_tensors, save_tensors

KIND, FORMAT = "policy", 1


@dataclasses.dataclass(frozen=True)
class TrainedPolicy:
    """A policy that can act: `policy.act(observation)`.

    Arguments:
        network: its function.
        point: its parameters, float64.
        scaling: of the observations, frozen with it; a dimension that was constant in training has no effect for good.
        facts: of the environment that it was trained on.
        outside: what happens to an action outside of its box.
        horizon: steps of an episode at most.
        notes: how it was found: seed, timesteps, score, ...
    """

    network: Network
    point: Float[np.ndarray, " size"]
    scaling: Scaling | None
    facts: Facts
    outside: str
    horizon: int | None
    notes: dict[str, Any]

    def act(self, observation: Any, space: Any = None) -> Any:
        """The action on an observation; with the environment's action space, a valid member of it."""
        output = self.network.at(self.point, self.scaling)(np.asarray(observation, np.float64).reshape(-1))
        if space is not None:
            return action_rule(space, self.outside)(output)
        return int(output.argmax()) if self.facts.discrete else output

    def save(self, path: Path | str) -> None:
        """Write one safetensors file: arrays, and a description as JSON."""
        arrays = {f"layer_{k}/weight": weight for k, (weight, _) in enumerate(self.network.layers(self.point), 1)}
        arrays |= {f"layer_{k}/bias": b for k, (_, b) in enumerate(self.network.layers(self.point), 1) if b.size}
        if self.scaling is not None:
            arrays |= {"observation/mean": self.scaling.mean, "observation/factor": self.scaling.factor}
        description = {
            "kind": KIND,
            "format": FORMAT,
            "widths": list(self.network.widths),
            "activation": self.network.activation,
            "environment": dataclasses.asdict(self.facts),
            "outside": self.outside,
            "horizon": self.horizon,
            "notes": self.notes,
        }
        save_tensors(Path(path), arrays, description)

    def differing_versions(self) -> list[str]:
        """A sentence for every part that is installed in another version than the policy was trained with."""
        now = versions()
        return [
            f"the policy was trained with {name} {was}, here is {now.get(name, 'none')}: its return may differ"
            for name, was in self.facts.versions.items()
            if name in ("gymnasium", "mujoco") and now.get(name) != was
        ]


def load_policy(path: Path | str) -> TrainedPolicy:
    """Read a policy file.

    Raises: FalllineError for a file that is missing, damaged, or holds something else.
    """
    path = Path(path)
    arrays, described = load_tensors(path, "policy")
    if described.get("kind") != KIND or described.get("format") != FORMAT:
        raise FalllineError(
            f"{str(path)!r} holds a {described.get('kind', 'thing')}, not a policy of this format: expected the "
            "policy.safetensors of fallline ars"
        )
    network = Network(tuple(described["widths"]), described["activation"])
    if network.activation not in ACTIVATIONS:
        raise FalllineError(f"policy {str(path)!r} names the unknown activation {network.activation!r}")
    parts: list[np.ndarray] = []
    for k in range(1, len(network.widths)):
        parts += [arrays[f"layer_{k}/weight"].ravel(), arrays.get(f"layer_{k}/bias", np.zeros(0))]
    point = np.concatenate(parts)
    if point.size != network.size:
        raise FalllineError(f"policy {str(path)!r} is damaged: its arrays do not fit its widths; use another copy")
    scaling = None
    if "observation/mean" in arrays:
        scaling = Scaling(arrays["observation/mean"], arrays["observation/factor"])
    facts = Facts(**described["environment"])
    return TrainedPolicy(network, point, scaling, facts, described["outside"], described["horizon"], described["notes"])
