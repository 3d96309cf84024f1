"""Applies flags to a recipe: `--set path=value`, and short names for the paths that are changed most often."""

import tomllib
from typing import TYPE_CHECKING, Any

from fallline.core.errors import FalllineError, nearest

if TYPE_CHECKING:
    from fallline.training.recipe import Recipe


OWN_RATE = ("adadelta", "rprop", "lbfgs", "newton")  # their rate is a first step or a factor of 1, which must not decay


def changed(recipe: "Recipe", flags: dict[str, Any], settings: list[str]) -> "Recipe":
    """The recipe changed by the given flags, then by every `path=value`.

    Raises: FalllineError that names the flag or path, if it is unknown or its value is not valid.
    """
    from fallline.core.block import replace
    from fallline.core.plain import parse

    if (name := flags.pop("optimizer", None)) is not None:
        recipe = replace(recipe, {"optimizer": _optimizer(name)})
    if (name := flags.pop("schedule", None)) is not None:
        recipe = _scheduled(recipe, name)
    if (rate := flags.pop("learning_rate", None)) is not None:
        recipe = _rated(recipe, rate)
    if (weights := flags.pop("class_weight", None)) is not None:
        from fallline.training.class_weights import parse_class_weight

        recipe = replace(recipe, {"class_weight": parse_class_weight(weights)})
    sizes: dict[str, float] = {name: flags.pop(name) for name in ("l1", "l2", "max_norm") if name in flags}
    if sizes:
        recipe = replace(recipe, {"penalty": _penalty(sizes)})
    if (pca := flags.pop("pca", None)) is not None:
        from fallline.scalers import PCA

        if pca > 1 and not float(pca).is_integer():
            raise FalllineError(f"--pca {pca} is neither: expected a whole number of components, or a share below 1")
        if "scaler" in flags:
            raise FalllineError("--pca is a scaler itself: leave --scaler out (columns are standardised first)")
        recipe = replace(recipe, {"scaler": PCA(int(pca)) if pca >= 1 else PCA(share=pca)})
    for path, value in flags.items():
        if value is not None:
            recipe = parse(recipe, path, value)
    for setting in settings:
        recipe = parse(recipe, *parse_setting(setting))
    return recipe


def parse_setting(setting: str) -> tuple[str, Any]:
    """Splits `path=value` into the path and the value."""
    path, equals, text = setting.partition("=")
    if not equals:
        raise FalllineError(f"--set {setting!r} has no '=': expected path=value, such as model.dropout=0.1")
    return path.strip(), _value(text.strip())


def _penalty(sizes: dict[str, float]) -> Any:
    """One penalty, or several combined into one; penalties of size 0 are left out."""
    from fallline.core.block import lookup
    from fallline.penalties import Penalties

    parts: Any = tuple(lookup("penalty", name)(size) for name, size in sizes.items() if size > 0)
    if len(parts) < 2:
        return parts[0] if parts else None
    return Penalties(parts)


def _optimizer(name: str) -> Any:
    """An update rule, with its own default learning rate as the peak of the default schedule."""
    from fallline.core.block import declared_fields, family, lookup
    from fallline.schedules import Cosine
    from fallline.training.recipe import Recipe

    if name in family("method"):
        return _without_gradient(name)
    if name not in (known := family("optimizer")):
        raise FalllineError(f"optimizer {name!r} is unknown: {nearest(name, [*known, *family('method')])}")
    cls = lookup("optimizer", name)
    if cls is type(Recipe().optimizer):
        return Recipe().optimizer
    if name in OWN_RATE or "learning_rate" not in declared_fields(cls):
        return cls()
    return cls(learning_rate=Cosine(getattr(cls(), "learning_rate"), warmup=0.05))  # noqa: B009


def _without_gradient(name: str) -> Any:
    """A method without gradients as an update rule, with steps that fall like those of other rules."""
    from fallline.core.block import declared_fields, get, lookup, replace
    from fallline.methods import SPSA, WithoutGradient
    from fallline.schedules import Cosine

    method: Any = lookup("method", name)()
    path = "step" if "step" in declared_fields(type(method)) else "optimizer.learning_rate"
    rule = WithoutGradient(method)  # refuses methods that cannot train a network
    if isinstance(method, SPSA):  # its steps already fall
        return rule
    return replace(rule, {f"method.{path}": Cosine(get(method, path))})


def _rate_field(recipe: "Recipe") -> tuple[str, dict[str, Any]]:
    """The path of the learning rate in the update rule or in a rule that it wraps, and the rule's fields by path."""
    from fallline.core.block import walk

    fields = {path: value for path, _, value in walk(recipe.optimizer, "optimizer")}
    endings = (".learning_rate", ".method.step")
    place = next((path for ending in endings for path in fields if path.endswith(ending)), None)
    if place is None:
        raise FalllineError(f"optimizer {recipe.optimizer.name!r} has no learning rate to set or to schedule")
    return place, fields


def _scheduled(recipe: "Recipe", name: str) -> "Recipe":
    """The recipe with another learning rate schedule of the same size."""
    from fallline.core.block import lookup, replace

    place, fields = _rate_field(recipe)
    return replace(recipe, {place: _sized(lookup("schedule", name)(), _size(fields[place]))})


def _rated(recipe: "Recipe", rate: float) -> "Recipe":
    """The recipe with a learning rate of another size; the shape of its schedule stays the same."""
    from fallline.core.block import replace
    from fallline.core.schedule import Schedule

    place, fields = _rate_field(recipe)
    old = fields[place]
    return replace(recipe, {place: _sized(old, rate) if isinstance(old, Schedule) else rate})


def _size(value: Any) -> Any:
    """The size of a number or a schedule: the number itself, or the schedule's first field, often its highest value."""
    from fallline.core.block import declared_fields, get
    from fallline.core.schedule import Schedule
    from fallline.schedules import Table

    if isinstance(value, Table):
        return max(each.value for each in value.milestones)
    return get(value, next(iter(declared_fields(type(value))))) if isinstance(value, Schedule) else value


def _sized(schedule: Any, size: Any) -> Any:
    """The schedule at another size; all values of a table are scaled with its highest."""
    from fallline.core.block import declared_fields, replace
    from fallline.schedules import Table

    if isinstance(schedule, Table):
        factor = size / _size(schedule)
        return replace(
            schedule, {f"milestones.{i}.value": each.value * factor for i, each in enumerate(schedule.milestones)}
        )
    return replace(schedule, {next(iter(declared_fields(type(schedule)))): size})


def _value(text: str) -> Any:
    """Parses a value as TOML; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def parse_kinds(kinds: list[str]) -> dict[str, str] | None:
    """Parses `COLUMN=KIND` pairs into a dict."""
    from fallline.data.form import KINDS, SPELLINGS

    known = KINDS + SPELLINGS
    found = {}
    for each in kinds:
        column, equals, kind = each.rpartition("=")
        if not equals or kind not in known:
            raise FalllineError(f"--kind {each!r} is not COLUMN=KIND: {nearest(kind, known)}")
        found[column] = kind
    return found or None


def parse_count(text: str | None) -> int | str | None:
    """Parses a whole number; other words stay as they are, for the field to accept or refuse.

    >>> parse_count("12"), parse_count("-1"), parse_count("auto")
    (12, -1, 'auto')
    """
    try:
        return None if text is None else int(text)
    except ValueError:
        return text


def parse_widths(text: str | None) -> list[int] | None:
    """Parses layer widths such as `128,64`; `none` or an empty text means no hidden layer."""
    if text is None:
        return None
    if text.strip() in ("", "none"):
        return []
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise FalllineError(f"--hidden {text!r} is not a list of layer widths: expected e.g. 128,64") from None
