"""Conversion of hyperopt's expressions: natural logarithms, exclusive upper ends, and values instead of indices."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from fallline.core.distribution import Distribution
from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogNormal, LogUniform, Normal, Quantised, Uniform

# hyperopt's names of distributions, with the conversion of their arguments.
KINDS: dict[str, Callable[..., Distribution]] = {
    "uniform": lambda low, high: Uniform(low, high),
    "loguniform": lambda low, high: LogUniform(math.exp(low), math.exp(high)),
    "normal": lambda mu, sigma: Normal(mu, sigma),
    "lognormal": lambda mu, sigma: LogNormal(math.exp(mu), sigma),
    "quniform": lambda low, high, q: Quantised(Uniform(low, high), q),
    "qloguniform": lambda low, high, q: Quantised(LogUniform(math.exp(low), math.exp(high)), q),
    "qnormal": lambda mu, sigma, q: Quantised(Normal(mu, sigma), q),
    "qlognormal": lambda mu, sigma, q: Quantised(LogNormal(math.exp(mu), sigma), q),
    "randint": lambda low, high=None: Integer(0, low - 1) if high is None else Integer(low, high - 1),
}
ON_NUMBERS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "truediv": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    "neg": lambda a: -a,
    "exp": math.exp,
    "int": int,
    "float": float,
}


def of_expression(node: object, path: str) -> Any:
    """Convert a hyperopt expression to a distribution, a choice (its options may be blocks as in a file), or a value.

        uniform, normal      shifted and scaled          loguniform, lognormal    scaled, to a power
        c^uniform, c^normal  become log-scaled           choice                   anything, option by option

    `hp.choice` gives the options themselves, while hyperopt's `fmin` returns their indices.

    Arguments:
        node: an expression of `hyperopt.hp`, or arithmetic of one expression and numbers.
        path: the field's path, for error messages.

    Raises: FalllineError naming arithmetic that yields no supported distribution, or a label used in two places.
    """
    twice = next((label for label, count in _labels(node).items() if count > 1), None)
    if twice is not None:
        raise FalllineError(
            f"{path}: hyperopt's label {twice!r} stands in two places, which would be searched apart: expected one place"
        )
    return _converted(node, path)


def _converted(node: Any, path: str) -> Any:
    name = node.name
    if name == "literal":
        return node.obj
    if name == "hyperopt_param":
        return _converted(node.pos_args[1], path)
    if name == "switch":
        return _choice(node, path)
    if name == "pos_args":
        return tuple(_converted(each, path) for each in node.pos_args)
    if name == "dict" and not node.pos_args:
        return {key: _converted(each, path) for key, each in node.named_args}
    positions = [_converted(each, path) for each in node.pos_args]
    names = {key: _converted(each, path) for key, each in node.named_args}
    if name in KINDS and not any(isinstance(each, Distribution) for each in (*positions, *names.values())):
        return KINDS[name](*positions, **names)
    if name in ON_NUMBERS:
        return _calculated(name, positions, path)
    raise _refused(name, positions, path)


def _choice(node: Any, path: str) -> Any:
    index = node.pos_args[0]
    index = index.pos_args[1] if index.name == "hyperopt_param" else index
    if index.name == "categorical":
        shares = _converted(index.pos_args[0], path)
        if max(shares) - min(shares) > 1e-9:
            raise FalllineError(
                f"{path}: hp.pchoice with the probabilities {shares} has no counterpart: the options of a choice are "
                "equally likely; use hp.choice"
            )
    elif index.name != "randint":
        raise _refused("switch", [index.name], path)
    return choice_of([_converted(each, path) for each in node.pos_args[1:]])


def choice_of(options: list[Any]) -> Any:
    """A choice; it is returned in its file form if an option is a block in file form."""
    if any(isinstance(each, dict) for each in options):
        return {"name": "choice", "options": options}
    return Choice(tuple(options))


def _calculated(name: str, values: list[Any], path: str) -> Any:
    random = [each for each in values if isinstance(each, Distribution | dict)]
    if not random:
        return ON_NUMBERS[name](*values)
    found = None
    if len(random) == 1 and all(isinstance(each, int | float) for each in values if each is not random[0]):
        found = _of_one(name, values)
    if found is None:
        raise _refused(name, values, path)
    return found


def _of_one(name: str, values: list[Any]) -> Distribution | None:
    """The distribution of a calculation with one random operand; None if it has no counterpart."""
    first, second = values[0], values[-1]
    x = first if isinstance(first, Distribution) else second
    if not isinstance(x, Distribution):
        return None
    if isinstance(x, Choice):
        whole = [each for each in x.options if isinstance(each, int | float) and not isinstance(each, bool)]
        if len(whole) < len(x.options):
            return None
        return Choice(tuple(ON_NUMBERS[name](*(each if value is x else value for value in values)) for each in whole))
    if name == "float":
        return x
    if name == "int":
        return _truncated(x)
    if name == "neg":
        return _line(x, -1, 0)
    if name == "exp":
        return _power_of(math.e, x)
    if name == "add":
        return _line(x, 1, second if x is first else first)
    if name == "sub":
        return _line(x, 1, -second) if x is first else _line(x, -1, first)
    if name == "mul":
        return _line(x, second if x is first else first, 0)
    if name == "pow":
        return _to_power(x, second) if x is first else _power_of(first, x)
    return _line(x, 1 / second, 0) if x is first and second else None


def _line(x: Distribution, a: float, b: float) -> Distribution | None:
    """The distribution of a x + b."""
    if a == 0:
        return None
    if isinstance(x, Uniform):
        low, high = sorted((a * x.low + b, a * x.high + b))
        return Uniform(low, high)
    if isinstance(x, Normal):
        return Normal(a * x.mean + b, abs(a) * x.deviation)
    if isinstance(x, LogUniform) and a > 0 and b == 0:
        return LogUniform(a * x.low, a * x.high)
    if isinstance(x, LogNormal) and a > 0 and b == 0:
        return LogNormal(a * x.median, x.deviation)
    if isinstance(x, Integer) and a in (1, -1) and float(b).is_integer():
        low, high = sorted((int(a) * x.low + int(b), int(a) * x.high + int(b)))
        return Integer(low, high)
    if isinstance(x, Integer) and float(b / a).is_integer():
        # The range extends almost half a step beyond the ends, so that they are as likely as the values between.
        return _line(Quantised(Uniform(x.low - 0.4999, x.high + 0.4999), 1), a, b)
    if isinstance(x, Quantised) and float(b / (a * x.step)).is_integer():
        inner = _line(x.distribution, a, b)
        return None if inner is None else Quantised(inner, abs(a) * x.step)
    return None


def _power_of(base: float, x: Distribution) -> Distribution | None:
    """The distribution of base^x."""
    if base <= 0 or base == 1:
        return None
    if isinstance(x, Uniform):
        low, high = sorted((base**x.low, base**x.high))
        return LogUniform(low, high)
    if isinstance(x, Normal):
        return LogNormal(base**x.mean, x.deviation * abs(math.log(base)))
    return None


def _to_power(x: Distribution, power: float) -> Distribution | None:
    """The distribution of x^power."""
    if isinstance(x, LogUniform) and power != 0:
        low, high = sorted((x.low**power, x.high**power))
        return LogUniform(low, high)
    if isinstance(x, LogNormal) and power != 0:
        return LogNormal(x.median**power, abs(power) * x.deviation)
    return None


def _truncated(x: Distribution) -> Distribution | None:
    if isinstance(x, Integer) or (isinstance(x, Quantised) and float(x.step).is_integer()):
        return x
    if isinstance(x, Uniform) and x.low >= 0 and float(x.low).is_integer() and float(x.high).is_integer():
        return Integer(int(x.low), int(x.high) - 1)
    return None


def _labels(node: Any) -> Counter[str]:
    """How often each label occurs in parts of an expression that can be active together."""
    if node.name == "literal":
        return Counter()
    found = Counter([node.pos_args[0].obj] if node.name == "hyperopt_param" else [])
    if node.name == "switch":
        for option in node.pos_args[1:]:
            found |= _labels(option)  # the maximum, since only one option is active at a time
        return found + _labels(node.pos_args[0])
    for each in (*node.pos_args, *(value for _, value in node.named_args)):
        found += _labels(each)
    return found


def _refused(name: str, values: list[Any], path: str) -> FalllineError:
    shown = ", ".join(map(str, values))
    return FalllineError(
        f"{path}: hyperopt's {name}({shown}) is no distribution here: expected an expression of hyperopt.hp, at most "
        "shifted, scaled or raised to a power by numbers"
    )
