"""Gymnasium environments, opened by name or made by a function, and the conversion of policy outputs to actions."""

import contextlib
import dataclasses
import difflib
import importlib.metadata
import importlib.util
import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.core.extras import missing
from fallline.core.shape import shown

Environment: TypeAlias = Any  # an environment of Gymnasium

Source: TypeAlias = str | Callable[[], Any]  # a registered name, or a function that makes an environment

HORIZON = 1000  # steps of a rollout if neither the environment nor the user limits it
OUTSIDE = ("clip", "raw")


@dataclasses.dataclass(frozen=True)
class EnvironmentFacts:
    """The properties of an environment that a policy needs.

    Arguments:
        name: registered name.
        observations: number of entries in a flattened observation.
        outputs: number of policy outputs: the entries of the action, or one per discrete action.
        discrete: whether the action is the index of the largest output.
        bounded: whether actions are bounded by a box.
        horizon: the environment's own step limit, or None.
        threshold: the return at which Gymnasium counts it as solved, or None.
        versions: versions of Gymnasium and of the simulator.
    """

    name: str
    observations: int
    outputs: int
    discrete: bool
    bounded: bool
    horizon: int | None
    threshold: float | None
    versions: dict[str, str]


def open_environment(source: Source, **options: Any) -> Any:
    """Open an environment with flat observations and without Gymnasium's checker, which costs time at every step.

    From then on, MuJoCo's warnings are only written to the console, and not also to a log file in the current folder.

    Raises: FalllineError if Gymnasium or one of its dependencies is missing, and for a name that is not registered.
    """
    require_gymnasium()
    import gymnasium
    from gymnasium.spaces import Box

    _no_log_file(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about outdated versions
            environment = source() if callable(source) else gymnasium.make(source, disable_env_checker=True, **options)
    except (gymnasium.error.NameNotFound, gymnasium.error.VersionNotFound, gymnasium.error.NamespaceNotFound):
        close = difflib.get_close_matches(str(source), list(gymnasium.registry), n=3)
        hint = f"did you mean {' or '.join(map(repr, close))}?" if close else "gymnasium.pprint_registry() lists all"
        raise FalllineError(f"environment {source!r} is unknown: {hint}") from None
    except Exception as error:  # whatever the environment's own code raises
        problem = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        raise FalllineError(f"environment {named(source)!r} cannot be made ({problem})") from None
    space = environment.observation_space
    if not isinstance(space, Box) or len(space.shape) != 1:
        with contextlib.suppress(NotImplementedError):
            environment = gymnasium.wrappers.FlattenObservation(environment)
    if not isinstance(environment.observation_space, Box):
        raise FalllineError(
            f"environment {named(source)!r} has observations of the kind {type(space).__name__}, which have no fixed "
            "length: wrap it so that they are arrays"
        )
    return environment


def registered(name: str, origin: str) -> str:
    """Check an environment name from a file: it must be `jax:NAME`, or registered in Gymnasium.

    For a name `module:Environment`, Gymnasium imports the module, and importing runs code. Such a name is only accepted
    from the caller, never from a file.

    Arguments:
        name: the name.
        origin: the file, for the error message.

    Raises: FalllineError for any other name.

    >>> registered("CartPole-v1", "recipe 'r.toml'")
    'CartPole-v1'
    >>> registered("os:CartPole-v1", "recipe 'r.toml'")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: recipe 'r.toml' names the environment 'os:CartPole-v1', whose module would be \
imported: if you trust it, give this name as ENVIRONMENT yourself
    """
    if name.startswith("jax:"):
        return name  # a built-in simulator; unknown ones are refused later
    if ":" in name:
        raise FalllineError(
            f"{origin} names the environment {shown(name)}, whose module would be imported: if you trust it, give this name "
            "as ENVIRONMENT yourself"
        )
    require_gymnasium()
    import gymnasium

    if name in gymnasium.registry or any(key.rpartition("-v")[0] == name for key in gymnasium.registry):
        return name
    raise FalllineError(
        f"{origin} names the environment {shown(name)}, which Gymnasium has not registered: import what registers it, and "
        "give the environment yourself"
    )


def without_checks(environment: Environment) -> tuple[Any, int | None]:
    """The environment without its outermost wrappers that only check and count, and their lowest step limit, if any.

    These wrappers take a fiftieth of a timestep, and a loop that resets before it steps, and counts, does not need them.

    >>> import gymnasium
    >>> environment = gymnasium.make("CartPole-v1")
    >>> inner, steps = without_checks(environment)
    >>> inner is environment.unwrapped, steps
    (True, 500)
    """
    from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

    limits: list[int] = []
    while type(environment) in (TimeLimit, OrderEnforcing, PassiveEnvChecker):
        if type(environment) is TimeLimit:
            spec = environment.spec
            if spec is None or spec.max_episode_steps is None:
                break
            limits.append(spec.max_episode_steps)
        environment = environment.env
    return environment, min(limits, default=None)


def _no_log_file(source: Source) -> None:
    """Turn MuJoCo's log file off (from 4.0 on), unless the user has chosen a file."""
    import gymnasium

    spec = gymnasium.registry.get(source) if isinstance(source, str) else None
    if "mujoco" in sys.modules or (spec is not None and "mujoco" in str(spec.entry_point)):
        with contextlib.suppress(ImportError):
            from mujoco import MjLogConfig

            config = MjLogConfig.get()
            if config.logfile == "MUJOCO_LOG.TXT":
                config.logto_file = False
                config.set()


def require_gymnasium() -> None:
    """Raises: FalllineError if Gymnasium is not installed."""
    if importlib.util.find_spec("gymnasium") is None:
        raise FalllineError(missing("gymnasium", "rl", "an environment"))


def named(source: Source) -> str:
    """The name of an environment, or of the function that makes it."""
    return source if isinstance(source, str) else getattr(source, "__name__", type(source).__name__)


def facts_of(environment: Environment, source: Source) -> EnvironmentFacts:
    """The properties of an environment that a policy needs.

    Raises: FalllineError for actions that are neither Box nor Discrete.
    """
    space = environment.action_space
    kind = type(space).__name__
    if kind not in ("Box", "Discrete"):
        raise FalllineError(
            f"environment {named(source)!r} has actions of the kind {kind}: expected Box or Discrete; wrap it in one"
        )
    spec = environment.spec
    return EnvironmentFacts(
        name=named(source),
        observations=int(environment.observation_space.shape[0]),
        outputs=int(space.n) if kind == "Discrete" else int(np.prod(space.shape)),
        discrete=kind == "Discrete",
        bounded=kind == "Box" and bool(np.isfinite(space.low).any() or np.isfinite(space.high).any()),
        horizon=None if spec is None else spec.max_episode_steps,
        threshold=None if spec is None else spec.reward_threshold,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Versions of the packages that determine an environment's behaviour."""
    found = {}
    for name in ("gymnasium", "mujoco", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def action_rule(space: Any, outside: str) -> Callable[[Float[np.ndarray, " outputs"]], Any]:
    """A function from a policy's outputs to an action of the space.

    Arguments:
        space: Box or Discrete.
        outside: "clip" clips an action to its box; "raw" passes it on unchanged (MuJoCo clamps its controls anyway, but
            computes the control cost from the raw action).

    >>> from gymnasium.spaces import Box, Discrete
    >>> action_rule(Discrete(3, start=1), "clip")(np.array([0.0, 2.0, 1.0]))
    2
    >>> action_rule(Box(-1, 1, (2,)), "clip")(np.array([3.0, 0.5])), action_rule(Box(-1, 1, (2,)), "raw")(np.array([3.0, 0.5]))
    (array([1. , 0.5], dtype=float32), array([3. , 0.5], dtype=float32))
    """
    if type(space).__name__ == "Discrete":
        start = int(space.start)
        return lambda u: int(u.argmax()) + start
    low, high = (np.asarray(end, np.float64).reshape(-1) for end in (space.low, space.high))
    shape, dtype = space.shape, space.dtype
    minimum, maximum = np.minimum, np.maximum
    if outside == "raw" or not (np.isfinite(low).any() or np.isfinite(high).any()):
        return lambda u: u.astype(dtype).reshape(shape)
    if len(shape) == 1:  # avoid a reshape, since this runs at every step
        return lambda u: minimum(maximum(u, low), high).astype(dtype)
    return lambda u: minimum(maximum(u, low), high).astype(dtype).reshape(shape)
