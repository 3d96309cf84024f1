"""A trained policy, and its file: parameters, the scaling of its observations, what it was trained on."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.control.environments import OUTSIDE, Facts, action_rule, versions
from fallline.control.network import ACTIVATIONS, Network
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError
from fallline.core.shape import Entries, Flag, Listed, Mapping, Plain, Real, Text, Whole, check, maybe
from fallline.core.tensors import check_finite, load_tensors, save_tensors

KIND, FORMAT = "policy", 1
_REMEDY = "use another copy, or train it again"
_WIDTH = Whole(1, 2**40)
_FACTS = Entries(
    {
        "name": Text(visible=True), "observations": _WIDTH, "outputs": _WIDTH, "discrete": Flag(), "bounded": Flag(),
        "horizon": maybe(Whole(1)), "threshold": maybe(Real(finite=False)), "versions": Mapping(Text(visible=True)),
    }
)  # fmt: skip
DESCRIPTION = Entries(
    {
        "kind": Text(choices=(KIND,)), "format": Whole(FORMAT, FORMAT), "widths": Listed(_WIDTH, least=2),
        "activation": Text(choices=tuple(ACTIVATIONS)), "environment": _FACTS, "outside": Text(choices=OUTSIDE),
        "horizon": maybe(Whole(1)), "notes": Mapping(Plain()),
    }
)  # fmt: skip


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
    what = f"policy {str(path)!r}"
    check(DESCRIPTION, described, what, _REMEDY)
    network, facts = Network(tuple(described["widths"]), described["activation"]), Facts(**described["environment"])
    if (network.widths[0], network.widths[-1]) != (facts.observations, facts.outputs):
        raise FalllineError(f"{what} is damaged: its widths are not those of its environment; {_REMEDY}")
    point, scaling = _numbers(network, arrays, what)
    return TrainedPolicy(network, point, scaling, facts, described["outside"], described["horizon"], described["notes"])


def _numbers(network: Network, arrays: dict[str, np.ndarray], what: str) -> tuple[np.ndarray, Scaling | None]:
    """The parameters and the scaling, once names, shapes and dtypes of all arrays are those of the network."""
    expected: dict[str, tuple[int, ...]] = {}
    for k, (inputs, outputs) in enumerate(zip(network.widths, network.widths[1:], strict=False), 1):
        expected[f"layer_{k}/weight"] = (outputs, inputs)
        if k < len(network.widths) - 1:
            expected[f"layer_{k}/bias"] = (outputs,)
    scaled = [name for name in ("observation/mean", "observation/factor") if name in arrays]
    if scaled:
        expected |= dict.fromkeys(("observation/mean", "observation/factor"), (network.widths[0],))
    if expected.keys() != arrays.keys():
        odd = sorted(expected.keys() ^ arrays.keys())[0]
        raise FalllineError(f"{what} is damaged: it lacks, or has no use for, the array {odd[:80]!r}; {_REMEDY}")
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype.kind != "f":
            found = f"{array.dtype}{list(array.shape)}"
            raise FalllineError(
                f"{what} is damaged: its array {name!r} is {found}, expected float64{list(shape)}; {_REMEDY}"
            )
    check_finite(arrays, what, _REMEDY)
    numbers = {name: array.astype(np.float64, copy=False) for name, array in arrays.items()}
    point = np.concatenate([numbers[name].ravel() for name in expected if name.startswith("layer_")])
    return point, Scaling(*(numbers[name] for name in ("observation/mean", "observation/factor"))) if scaled else None
