"""Applies flags to a recipe: `--set path=value`, and short names for the paths that are changed most often."""

import tomllib
from typing import TYPE_CHECKING, Any, cast

from fallline.core.errors import FalllineError, nearest

if TYPE_CHECKING:
    from fallline.optimizers import Optimizer
    from fallline.training.recipe import Recipe


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
            raise FalllineError(
                f"--pca {pca} is neither a number of components nor a share: expected a whole number, or a share below 1"
            )
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
    return path.strip(), parse_value(text.strip())


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
    from fallline.core.block import family, lookup, replace, size_field
    from fallline.schedules import Cosine
    from fallline.training.recipe import Recipe

    if name in family("method"):
        return _without_gradient(name)
    if name not in (known := family("optimizer")):
        raise FalllineError(f"optimizer {name!r} is unknown: {nearest(name, [*known, *family('method')])}")
    cls: Any = lookup("optimizer", name)
    if cls is type(Recipe().optimizer):
        return Recipe().optimizer
    rule, rate = cls(), size_field(cls)
    if cls.own_rate or rate is None:
        return rule
    return replace(rule, {rate: Cosine(getattr(rule, rate), warmup=0.05)})


def _without_gradient(name: str) -> Any:
    """A method without gradients as an update rule, with steps that fall like those of other rules."""
    from fallline.core.block import get, lookup, replace
    from fallline.methods import WithoutGradient
    from fallline.schedules import Cosine

    method: Any = lookup("method", name)()
    rule = WithoutGradient(method)  # refuses methods that cannot train a network
    if method.own_rate:
        return rule
    path = rate_of(rule)
    return replace(rule, {path: Cosine(get(rule, path))})


def rate_of(rule: "Optimizer") -> str:
    """The path of the learning rate within an update rule, or within the rule or the method that it wraps.

    Raises: FalllineError for a rule without a learning rate.
    """
    from fallline.core.block import walk

    path = next((path for path, declared, _ in walk(rule) if declared.size), None)
    if path is None:
        raise FalllineError(f"optimizer {rule.name!r} has no learning rate to set or to schedule")
    return path


def _scheduled(recipe: "Recipe", name: str) -> "Recipe":
    """The recipe with another learning rate schedule of the same size."""
    from fallline.core.block import get, lookup, replace
    from fallline.core.schedule import Schedule

    path = f"optimizer.{rate_of(recipe.optimizer)}"
    old, schedule = get(recipe, path), cast(Schedule, lookup("schedule", name)())
    return replace(recipe, {path: schedule.sized(old.size if isinstance(old, Schedule) else old)})


def _rated(recipe: "Recipe", rate: float) -> "Recipe":
    """The recipe with a learning rate of another size; the shape of its schedule stays the same."""
    from fallline.core.block import get, replace
    from fallline.core.schedule import Schedule

    path = f"optimizer.{rate_of(recipe.optimizer)}"
    old = get(recipe, path)
    return replace(recipe, {path: old.sized(rate) if isinstance(old, Schedule) else rate})


def parse_value(text: str) -> Any:
    """Parses a value as TOML; a bare word is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def parse_vary(text: str) -> tuple[str, list[Any] | None]:
    """Splits `path=a,b,c` into the path and its values; a path alone has none. Commas within brackets separate nothing.

    >>> parse_vary("optimizer=sgd,adam"), parse_vary("model.hidden=[32,16],[64]"), parse_vary("activation")
    (('optimizer', ['sgd', 'adam']), ('model.hidden', [[32, 16], [64]]), ('activation', None))
    """
    path, equals, values = text.partition("=")
    if not equals:
        return path.strip(), None
    found = [parse_value(each) for each in _apart(values)]
    if not path.strip() or not found or any(isinstance(each, str) and set(each) & set(" []{}") for each in found):
        raise FalllineError(f"--vary {text!r} is not PATH=VALUES: expected e.g. model.dropout=0,0.3")
    return path.strip(), found


def _apart(text: str) -> list[str]:
    """The parts between commas that are outside of brackets and quotation marks.

    >>> _apart('{name="elu", a=1}, "x,y", 3')
    ['{name="elu", a=1}', '"x,y"', '3']
    """
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "\"'":
            quote = "" if letter == quote else quote or letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [each.strip() for each in parts if each.strip()]


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
