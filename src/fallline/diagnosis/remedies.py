"""Changes of a recipe that findings propose, written by dotted path; a change that a recipe has no place for is left out."""

from typing import Any

import numpy as np

from fallline.activations import GELU, Activation, LeakyReLU, ReLU
from fallline.core.block import Block, declared_fields, walk
from fallline.core.schedule import Schedule
from fallline.diagnosis.base import Remedy
from fallline.diagnosis.evidence import RecipeLike
from fallline.layers import Dense, Dropout, LayerNorm
from fallline.models import MLP, Network
from fallline.optimizers import Adam, ClipByNorm
from fallline.schedules import Cosine

ADAM = {"optimizer": Adam(Cosine(3e-3, warmup=0.05))}
RATES = {"adam": 3e-3, "adamw": 3e-3, "nadam": 3e-3, "rmsprop": 1e-3, "sgd": 0.1, "momentum": 0.03, "nesterov": 0.03}


def rate_of(recipe: RecipeLike) -> tuple[str, float] | None:
    """The dotted path and the size of the learning rate, or of its schedule's peak; None for a rule without one."""
    for path, _, value in walk(recipe.optimizer, "optimizer"):
        if not path.endswith(".learning_rate"):
            continue
        if isinstance(value, Schedule):
            first = next(iter(declared_fields(type(value))))
            size = getattr(value, first)
            return (f"{path}.{first}", float(size)) if isinstance(size, int | float | np.number) else None
        return (path, float(value)) if isinstance(value, int | float | np.number) else None
    return None


def rates(recipe: RecipeLike, *factors: float) -> list[Remedy]:
    """Learning rates that are these factors of the recipe's own."""
    found = rate_of(recipe)
    if found is None:
        return []
    path, rate = found
    return [Remedy(f"learning rate {short(rate * each)}", {path: float(f"{rate * each:.6g}")}) for each in factors]


def times_usual(recipe: RecipeLike) -> float:
    """The learning rate as a multiple of the rule's usual one; 1 for rules without one."""
    found, rule = rate_of(recipe), recipe.optimizer
    while hasattr(rule, "rule"):
        rule = rule.rule
    return 1.0 if found is None or rule.name not in RATES else found[1] / RATES[rule.name]


def usual_rate(recipe: RecipeLike) -> list[Remedy]:
    """The rule's usual learning rate, where the recipe's own is far from it."""
    found = rate_of(recipe)
    rule = recipe.optimizer
    while hasattr(rule, "rule"):
        rule = rule.rule
    if found is None or rule.name not in RATES or 0.2 < found[1] / RATES[rule.name] < 5.0:
        return []
    return [Remedy(f"the usual learning rate, {RATES[rule.name]:g}", {found[0]: RATES[rule.name]})]


def slower(recipe: RecipeLike) -> list[Remedy]:
    """Lower learning rates: the usual one if the recipe's is far above it, else a third and a tenth."""
    found = rate_of(recipe)
    usual = usual_rate(recipe)
    if found and usual and found[1] > next(iter(usual[0].changes.values())):
        return usual + ([] if found[1] > 1e3 else rates(recipe, 0.1))
    return rates(recipe, 0.3, 0.1)


def faster(recipe: RecipeLike) -> list[Remedy]:
    """Higher learning rates: the usual one if the recipe's is far below it, else three and ten times as high."""
    found = rate_of(recipe)
    usual = usual_rate(recipe)
    if found and usual and found[1] < next(iter(usual[0].changes.values())):
        return usual + rates(recipe, 10.0)
    return rates(recipe, 3.0, 10.0)


def clipped(recipe: RecipeLike) -> list[Remedy]:
    """The same rule with the gradient's length clipped at 1."""
    if recipe.optimizer.name.startswith("clip") or recipe.optimizer.full_batch:
        return []
    return [Remedy("the gradient clipped to length 1", {"optimizer": ClipByNorm(recipe.optimizer, 1.0)})]


def adam(recipe: RecipeLike) -> list[Remedy]:
    """Adam with a falling rate, for recipes with another rule."""
    return [] if recipe.optimizer.name in ("adam", "adamw") else [Remedy("Adam with a cosine schedule", dict(ADAM))]


def decaying(recipe: RecipeLike) -> list[Remedy]:
    """A cosine schedule in place of a constant learning rate."""
    found = rate_of(recipe)
    if found is None or not found[0].endswith((".learning_rate", ".value")):
        return []
    path = found[0].removesuffix(".value")
    return [Remedy("a learning rate that falls by a cosine", {path: Cosine(found[1], warmup=0.05)})]


def longer(recipe: RecipeLike, *factors: float) -> list[Remedy]:
    """More epochs; patience grows alike."""
    found = []
    for each in factors or (3.0,):
        changes: dict[str, Any] = {"epochs": int(np.ceil(float(recipe.epochs) * each))}
        if recipe.patience is not None:
            changes["patience"] = int(max(20, np.ceil(float(recipe.patience) * each)))
        found.append(Remedy(f"{changes['epochs']} epochs", changes))
    return found


def activations(recipe: RecipeLike, *choices: Activation) -> list[Remedy]:
    """Other activations in every hidden layer."""
    found = []
    for each in choices or (LeakyReLU(), GELU()):
        if isinstance(recipe.model, MLP):
            changes: dict[str, Any] = {"model.activation": each}
        elif isinstance(recipe.model, Network):
            indices = [i for i, layer in enumerate(recipe.model.layers) if isinstance(layer, Activation)]
            changes = {f"model.layers.{i}": each for i in indices}
        else:
            changes = {}
        if changes:
            found.append(Remedy(f"the activation {each.name}", changes))
    return found


def relu(recipe: RecipeLike) -> list[Remedy]:
    """ReLU in place of a bounded activation."""
    return activations(recipe, ReLU())


def normalised(recipe: RecipeLike) -> list[Remedy]:
    """Layer normalisation before every activation."""
    if isinstance(recipe.model, MLP):
        if recipe.model.layer_norm or not recipe.model.hidden:
            return []
        return [Remedy("layer normalisation", {"model.batch_norm": False, "model.layer_norm": True})]
    if isinstance(recipe.model, Network):
        layers: list[Any] = []
        for each in recipe.model.layers:
            layers += [LayerNorm(), each] if isinstance(each, Activation) else [each]
        return [Remedy("layer normalisation", {"model.layers": tuple(layers)})]
    return []


def shallower(recipe: RecipeLike) -> list[Remedy]:
    """Two hidden layers in place of many."""
    if isinstance(recipe.model, MLP) and len(recipe.model.hidden) > 3:
        return [Remedy("two hidden layers", {"model.hidden": tuple(recipe.model.hidden[:2])})]
    return []


def usual_weights(recipe: RecipeLike) -> list[Remedy]:
    """The activation's usual initial weights, in the hidden layers and in the output layer."""
    from fallline.initializers import GlorotUniform

    if isinstance(recipe.model, MLP):
        return [
            Remedy(
                "the usual initial weights", {"model.initializer": None, "model.output_initializer": GlorotUniform()}
            )
        ]
    if isinstance(recipe.model, Network):
        changes: dict[str, Any] = {"model.output_initializer": GlorotUniform()}
        plain = Dense(1).initializer
        for i, each in enumerate(recipe.model.layers):
            if hasattr(each, "initializer"):
                changes[f"model.layers.{i}.initializer"] = plain
        return [Remedy("the usual initial weights", changes)]
    return []


def standardised(recipe: RecipeLike) -> list[Remedy]:
    """Inputs scaled to mean 0 and standard deviation 1."""
    from fallline.scalers import Standardise

    return [Remedy("standardised inputs", {"scaler": Standardise(clip=3.0)})]


def wider(recipe: RecipeLike) -> list[Remedy]:
    """Hidden layers of the default's size where the recipe's are smaller."""
    if not isinstance(recipe.model, MLP):
        return []
    wide = tuple(max(each * 4, size) for each, size in zip(recipe.model.hidden, (128, 64), strict=False)) or (128, 64)
    return [Remedy(f"hidden layers of {' and '.join(map(str, wide))} units", {"model.hidden": wide})]


def narrower(recipe: RecipeLike) -> list[Remedy]:
    """Hidden layers of a quarter of the width."""
    if not isinstance(recipe.model, MLP) or not recipe.model.hidden:
        return []
    return [
        Remedy("a quarter of the units", {"model.hidden": tuple(max(4, each // 4) for each in recipe.model.hidden)})
    ]


def dropout(recipe: RecipeLike, rate: float | None) -> list[Remedy]:
    """Another dropout rate in every hidden layer; None for no dropout."""
    name = "no dropout" if rate is None else f"dropout {rate:g}"
    if isinstance(recipe.model, MLP):
        return [Remedy(name, {"model.dropout": rate})]
    if isinstance(recipe.model, Network):
        drops = [i for i, each in enumerate(recipe.model.layers) if isinstance(each, Dropout)]
        if rate is None and drops:
            kept = tuple(each for each in recipe.model.layers if not isinstance(each, Dropout))
            return [Remedy(name, {"model.layers": kept})]
        return [Remedy(name, {f"model.layers.{i}.rate": rate for i in drops})] if drops else []
    return []


def penalty(recipe: RecipeLike, *strengths: float) -> list[Remedy]:
    """An L2 penalty of another strength; 0 for none."""
    from fallline.penalties import L2

    found = []
    for each in strengths:
        changes: dict[str, Any] = {"penalty": L2(each) if each else None}
        found.append(Remedy(f"an L2 penalty of {each:g}" if each else "no penalty", changes))
    return found


def kept_best(recipe: RecipeLike) -> list[Remedy]:
    """Early stopping that keeps the best epoch."""
    changes: dict[str, Any] = {"keep": "best", "patience": 20, "monitor": "loss"}
    if int(recipe.epochs) < 20:
        del changes["patience"]
    return [Remedy("early stopping that keeps the best epoch", changes)]


def batches(recipe: RecipeLike, *sizes: int) -> list[Remedy]:
    """Other numbers of rows in a minibatch."""
    if recipe.optimizer.full_batch:
        return []
    return [Remedy(f"minibatches of {each}", {"batch_size": each}) for each in sizes if each != recipe.batch_size]


def losses(*choices: Block) -> list[Remedy]:
    """Other losses."""
    return [Remedy(f"the loss {each.name}", {"loss": each}) for each in choices]


def short(value: float) -> str:
    """A number with three digits.

    >>> short(0.0003), short(1234.5)
    ('0.0003', '1.23e+03')
    """
    return f"{value:.3g}"
