"""The plan that the flags of `fallline ars` describe."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.control.folder import PolicyPlan
    from fallline.control.recipe import PolicyRecipe


def plan_of(
    environment: str | None,
    recipe: Path | None,
    flags: dict[str, Any],
    settings: list[str],
    seed: int | None,
    seeds: int | None,
) -> "PolicyPlan":
    """The plan of the recipe file or of the environment's preset, changed by the flags."""
    from fallline.control.environments import registered
    from fallline.control.folder import PolicyPlan, read_plan
    from fallline.control.presets import preset_of

    if recipe is not None:
        plan = read_plan(recipe)
        if environment is None:
            registered(plan.environment, f"recipe {str(recipe)!r}")
        else:
            plan = dataclasses.replace(plan, environment=environment)
    elif environment is None:
        raise FalllineError("no ENVIRONMENT to train on: expected a name such as CartPole-v1 or HalfCheetah-v5")
    else:
        plan = PolicyPlan(environment, preset_of(environment).recipe, 0)
    return PolicyPlan(
        plan.environment,
        _changed(plan.recipe, flags, settings),
        plan.seed if seed is None else seed,
        plan.seeds if seeds is None else seeds,
    )


def _changed(recipe: "PolicyRecipe", flags: dict[str, Any], settings: list[str]) -> "PolicyRecipe":
    """The recipe changed by the given flags, then by every `path=value`."""
    import fallline.schedules  # noqa: F401 - a field may name one
    from fallline.cli.recipes import parse_setting, parse_widths
    from fallline.core.block import lookup, replace
    from fallline.core.errors import nearest
    from fallline.core.plain import parse

    decay = flags.pop("decay", None)
    if "policy.hidden" in flags:
        flags["policy.hidden"] = parse_widths(flags["policy.hidden"])
        flags.setdefault("policy", "mlp")
    if "method.directions" in flags and "method.kept" not in flags and getattr(recipe.method, "kept", None) is not None:
        recipe = replace(recipe, {"method.kept": None})  # a preset's b is meant for the preset's N
    for path in sorted(flags, key=lambda path: path.count(".")):
        value = flags[path]
        if path.startswith("method.") and not hasattr(recipe.method, path.removeprefix("method.")):
            raise FalllineError(f"method {recipe.method.name!r} has no field {path.removeprefix('method.')!r}")
        recipe = parse(recipe, path, value)
    if decay is not None:
        falling = ("cosine", "polynomial", "exponential", "inverse", "step")
        if decay not in falling:
            raise FalllineError(f"--decay {decay!r} is unknown: {nearest(decay, falling)}")
        recipe = replace(recipe, {"method.step": lookup("schedule", decay)(peak=recipe.method.step)})  # type: ignore[attr-defined]
    for setting in settings:
        recipe = parse(recipe, *parse_setting(setting))
    return recipe


def resumed_plan(run: Path, environment: str | None) -> "PolicyPlan":
    """The plan of a run folder whose training continues.

    Raises: FalllineError for a folder that holds no run, and for another environment than the run's.
    """
    from fallline.control.environments import registered
    from fallline.control.folder import RECIPE, read_plan

    if not (run / RECIPE).is_file():
        raise FalllineError(f"{str(run)!r} is not a run folder: expected one with a {RECIPE}")
    plan = read_plan(run / RECIPE)
    if environment is None:
        registered(plan.environment, f"recipe {str(run / RECIPE)!r}")
    elif environment != plan.environment:
        raise FalllineError(f"--resume continues the training on {plan.environment!r}, not on {environment!r}")
    return plan
