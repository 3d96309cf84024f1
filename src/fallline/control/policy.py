"""A trained policy and its file: parameters, scaling of the observations, and the training environment."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from fallline.control.environments import OUTSIDE, EnvironmentFacts, action_rule, facts_of, open_environment, versions
from fallline.control.network import ACTIVATIONS, PolicyNetwork
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError, nearest
from fallline.core.shape import Entries, Flag, Listed, Mapping, Plain, Real, Text, Whole, check, maybe
from fallline.core.tensor_files import check_finite, load_tensors, save_tensors

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
        scaling: frozen scaling of the observations; dimensions that were constant in training have no effect.
        facts: facts of the environment on which it was trained.
        outside: treatment of actions outside their box.
        horizon: maximum number of steps in an episode.
        notes: how it was found: seed, timesteps, score, ...
    """

    network: PolicyNetwork
    point: Float[np.ndarray, " size"]
    scaling: Scaling | None
    facts: EnvironmentFacts
    outside: str
    horizon: int | None
    notes: dict[str, Any]

    @classmethod
    def from_arrays(
        cls,
        M: ArrayLike,
        mean: ArrayLike,
        std: ArrayLike,
        environment: object,
        *,
        outside: str = "clip",
        horizon: int | None = None,
    ) -> "TrainedPolicy":
        """Make a linear policy found elsewhere into one that can be saved, replayed and filmed.

            u = M ((x - mean) / std)

        Arguments:
            M: (actions, observations); for discrete actions one row per action, of which the largest output wins.
            mean: (observations,), mean of the observations; if `mean` and `std` are None, they are not scaled.
            std: (observations,), above 0; infinite for observations without effect.
            environment: a name that Gymnasium knows, `jax:NAME`, a `Simulator`, or a function that makes an environment.
            outside: treatment of actions outside their box: "clip" or "raw".
            horizon: maximum number of steps in an episode; None: the environment's own limit.

        Raises: FalllineError for arrays that do not fit the environment or are not numeric.

        >>> policy = TrainedPolicy.from_arrays([[2.0, 0.0, 0.0]] * 3, [1.0, 0, 0], [0.5, 1, 1], "jax:lqr")
        >>> policy.act(np.array([2.0, 7.0, 7.0]))
        array([4., 4., 4.])
        """
        if outside not in OUTSIDE:
            raise FalllineError(f"outside = {outside!r} is unknown: {nearest(str(outside), OUTSIDE)}")
        if horizon is not None and (isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1):
            raise FalllineError(f"horizon = {horizon!r} is no number of steps: expected 1 or more, or None")
        facts = _facts(environment)
        network = PolicyNetwork((facts.observations, facts.outputs))
        wide = (facts.observations,)
        matrix = _numbers(M, "M", (facts.outputs, facts.observations), "(actions, observations)", facts.name)
        if (mean is None) != (std is None):
            raise FalllineError("mean and std belong together: give both, or None for both")
        scaling = None
        if mean is not None:
            mu = _numbers(mean, "mean", wide, "(observations,)", facts.name)
            sigma = _numbers(std, "std", wide, "(observations,)", facts.name, infinite=True)
            if not (sigma > 0).all():
                raise FalllineError(
                    f"std[{int(np.flatnonzero(sigma <= 0)[0])}] = {sigma.min():g} is not above 0: give inf for an observation "
                    "that never varied and is to have no effect"
                )
            scaling = Scaling(mu, 1.0 / sigma)
        return cls(network, matrix.ravel(), scaling, facts, outside, horizon or facts.horizon, {})

    def act(self, observation: ArrayLike, space: object = None) -> Any:
        """The action for an observation; if the action space is given, a valid member of it."""
        output = self.network.at(self.point, self.scaling)(np.asarray(observation, np.float64).reshape(-1))
        if space is not None:
            return action_rule(space, self.outside)(output)
        return int(output.argmax()) if self.facts.discrete else output

    def save(self, path: Path | str) -> None:
        """Write one safetensors file with the arrays and a JSON description."""
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
        """A sentence for every package whose installed version differs from that of the training."""
        now = versions()
        return [
            f"the policy was trained with {name} {was}, here is {now.get(name, 'none')}: its return may differ"
            for name, was in self.facts.versions.items()
            if name in ("gymnasium", "mujoco") and now.get(name) != was
        ]


def _facts(environment: object) -> EnvironmentFacts:
    """The facts of an environment; a Gymnasium environment is opened to read them."""
    if callable(environment) or (isinstance(environment, str) and not environment.startswith("jax:")):
        opened = open_environment(environment)
        try:
            return facts_of(opened, environment)
        finally:
            opened.close()
    from fallline.control.simulators import Simulations, Simulator, simulator_named

    if isinstance(environment, str):
        environment = simulator_named(environment.removeprefix("jax:"))
    if not isinstance(environment, Simulator):
        raise FalllineError(
            f"environment of type {type(environment).__name__}: expected a name, a Simulator, or a function that makes one"
        )
    return Simulations(environment).facts


def _numbers(
    values: object, name: str, shape: tuple[int, ...], words: str, environment: str, infinite: bool = False
) -> np.ndarray:
    """Convert values to a float64 array of this shape without NaN."""
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise FalllineError(f"{name} is no array of numbers: expected {words} = {shape}") from None
    if array.shape != shape:
        raise FalllineError(f"{name} has shape {array.shape}: {environment} needs {words} = {shape}")
    if np.isnan(array).any() or not (infinite or np.isfinite(array).all()):
        raise FalllineError(f"{name} holds NaN or infinity: expected numbers")
    return array


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
    network, facts = (
        PolicyNetwork(tuple(described["widths"]), described["activation"]),
        EnvironmentFacts(**described["environment"]),
    )
    if (network.widths[0], network.widths[-1]) != (facts.observations, facts.outputs):
        raise FalllineError(f"{what} is damaged: its widths are not those of its environment; {_REMEDY}")
    point, scaling = _fitting(network, arrays, what)
    return TrainedPolicy(network, point, scaling, facts, described["outside"], described["horizon"], described["notes"])


def _fitting(network: PolicyNetwork, arrays: dict[str, np.ndarray], what: str) -> tuple[np.ndarray, Scaling | None]:
    """The parameters and the scaling, after checking that all array names, shapes and dtypes fit the network."""
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
