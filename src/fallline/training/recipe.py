"""The recipe: everything that determines a run, except the data and the seed."""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import jax
import numpy as np

import fallline.distributions  # noqa: F401  (a recipe file may name them)
from fallline.core.block import Block, Placeholder, declared_fields
from fallline.core.budget import check_memory
from fallline.core.distribution import refuse_space
from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, part, structure
from fallline.core.plain import from_plain, to_plain
from fallline.data.dataset import Dataset
from fallline.drawing.notebook import shown
from fallline.encodings import AutoEncoding, Encoding, Inputs, distinct_values, layers_of
from fallline.encodings.columns import some
from fallline.layers import Layer, Sequential
from fallline.losses import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from fallline.methods import as_optimizer
from fallline.metrics import metric
from fallline.models import MLP, Model
from fallline.optimizers import Adam, Optimizer
from fallline.penalties import L2, Penalty
from fallline.scalers import Log, Scaler, Standardise
from fallline.schedules import Cosine, ReduceOnPlateau
from fallline.training.class_weights import as_pairs, check_class_weight
from fallline.training.length import AUTO, lasting
from fallline.training.transform import check_log, chosen_transform


class Recipe(Block):
    """A tree of blocks: model, loss, optimizer, penalty, scalers, and how long to train.

    Fields that are `None` are chosen from the data when the run starts (see `complete`) and written into the run's recipe.

    >>> from fallline.core.block import replace
    >>> replace(Recipe(), {"optimizer.learning_rate.peak": 0.01}).optimizer.learning_rate.peak
    0.01
    """

    family: ClassVar[str] = "recipe"
    name: ClassVar[str] = "recipe"
    model: Model = part(MLP(dropout=0.1), family="model", help="the network")
    loss: Loss | None = part(None, family="loss", optional=True, help="what is minimised; None: the task's usual loss")
    optimizer: Optimizer = part(
        Adam(Cosine(3e-3, warmup=0.05)),
        family="optimizer",
        convert=as_optimizer,
        help="the update rule, ours or Optax's",
    )
    penalty: Penalty | None = part(L2(1e-4), family="penalty", optional=True, help="cost on the size of the weights")
    penalty_per: str = structure(
        "step",
        choices=("step", "example"),
        help="step: the penalty is added as it is; example: divided by the minibatch's weight, as scikit-learn's alpha is",
    )
    scaler: Scaler = part(Standardise(clip=3.0), family="scaler", read="start", help="scaling of the inputs")
    target_scaler: Scaler | None = part(
        Standardise(), family="scaler", optional=True, read="start", help="scaling of the target; regression only"
    )
    target_transform: str = structure(
        "none",
        choices=("none", "log", "auto"),
        help="log: learn the logarithm of the target; auto: if the training rows are skewed; regression only",
    )
    encoding: Encoding | None = part(
        AutoEncoding(),
        family="encoding",
        optional=True,
        help="inputs made of the numbers, beside the columns; None: the columns alone",
    )
    batch_size: int | str | None = structure(
        None,
        optional=True,
        unit="examples",
        help="examples of a minibatch, which makes one step; 1 is stochastic, all is batch descent",
    )
    epochs: Number = number(
        AUTO,
        read="start",
        valid="[0, 1e9]",
        usual=(10, 300),
        scale="log",
        integer=True,
        unit="epochs",
        words=(AUTO,),
        help="passes over the data; auto: by the number of steps",
    )
    patience: Number = number(
        AUTO,
        read="start",
        valid="[1, 1e9]",
        usual=(5, 50),
        integer=True,
        optional=True,
        unit="epochs",
        words=(AUTO,),
        help="early stopping: epochs without improvement before the end; None: never; auto: a share of the epochs",
    )
    tolerance: Number = number(
        0.0, read="start", valid="[0, inf)", usual=(0.0, 1e-3), help="smallest change that patience counts"
    )
    monitor: str = structure(
        "loss",
        help="value that early stopping monitors: loss or a metric of the validation rows, train_loss, train_objective, none",
    )
    keep: str = structure("best", choices=("best", "last"), help="whether the best or the last parameters are kept")
    gradient_tolerance: Number = number(
        None,
        read="start",
        valid="[0, inf)",
        usual=(1e-8, 1e-3),
        scale="log",
        optional=True,
        help="root mean square, over an epoch's steps, of the gradient's norm at which training stops; None: never",
    )
    shuffle: bool = structure(True, choices=(True, False), help="whether the rows are reordered in every epoch")
    class_weight: Any = structure(
        None,
        optional=True,
        convert=as_pairs,
        help="weights of the classes in training and validation: balanced, or a weight for each label",
    )
    calibrate: str = structure(
        "none",
        choices=("none", "temperature"),
        help="temperature: after training, divide the outputs by a number fitted to the validation rows",
    )

    def __check_init__(self) -> None:
        size = self.batch_size
        if size is not None and size != "all" and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise FalllineError(
                f"Recipe.batch_size = {size!r} is not a number of examples: expected 1 or more, or 'all'"
            )
        check_class_weight(self.class_weight)
        if isinstance(self.encoding, Encoding) and self.encoding.trained and not self.scaler.columnwise:
            raise FalllineError(
                f"encoding {self.encoding.name!r} embeds each scaled column, and the scaler {self.scaler.name!r} mixes "
                "columns: use standardise, robust or another scaler that keeps them, or the encoding piecewise_linear"
            )

    def _repr_html_(self) -> str:
        """What a notebook shows: every field, and what it is by default if that differs."""
        usual = Recipe()
        pairs = [(name, getattr(self, name), getattr(usual, name)) for name in declared_fields(Recipe)]
        rows = [(name, repr(value), "" if repr(value) == repr(other) else repr(other)) for name, value, other in pairs]
        changed = sum(bool(other) for *_, other in rows)
        return shown("Recipe", {"fields that differ from the defaults": changed}, ("field", "value", "default"), rows)

    @property
    def inputs(self) -> Scaler | Inputs:
        """What prepares the rows for the network: the scaler, with the encoding if there is one."""
        return self.scaler if self.encoding is None else Inputs(self.scaler, self.encoding)

    def first_width(self, features: int) -> int:
        """Width of the input of the model's first layer."""
        width = self.inputs.outputs(features)
        for layer in layers_of(self.encoding):
            width = layer.outputs(width)
        return width

    def network(self, outputs: int) -> Sequential:
        """The model's layers, after the trained part of the encoding if there is one."""
        network = self.model.network(outputs)
        front = tuple(layers_of(self.encoding))
        return Sequential((*front, *network.layers)) if front else network


# Fields that recipes saved by earlier versions lack, and how those versions trained.
LATER = {"class_weight": "none", "calibrate": "none", "target_transform": "none", "encoding": "none"}
OWN = ("train_loss", "train_objective")  # what can be monitored without validation rows


def reads(block: Block, path: str = "", read: str = "always") -> Iterator[tuple[str, str, Any]]:
    """Every field of a block and its parts: its dotted path, when a run reads it, and its value."""
    for name, declared in declared_fields(type(block)).items():
        value, own = getattr(block, name), declared.read if read == "always" else read
        here = f"{path}.{name}" if path else name
        parts = enumerate(value) if isinstance(value, tuple) else [(None, value)]
        for index, each in parts:
            place = here if index is None else f"{here}.{index}"
            yield place, own, each
            if isinstance(each, Block):
                yield from reads(each, place, own)


def refuse_timeless(recipe: Recipe) -> None:
    """Raises: FalllineError for a schedule where a number is read once, or for one that prediction cannot read."""
    for path, read, value in reads(recipe):
        if read == "start" and isinstance(value, Placeholder):
            raise FalllineError(
                f"Recipe.{path} = {value!r} would change during the run, which it cannot: give a number"
            )
        if read == "always" and isinstance(value, ReduceOnPlateau) and path.split(".")[0] in ("model", "loss"):
            raise FalllineError(
                f"Recipe.{path} = {value!r} follows the validation loss, which prediction does not have: use a schedule "
                "of time, such as cosine"
            )


def complete(recipe: Recipe, *, task: str, training_rows: int, lowest: float | None = None) -> Recipe:
    """The recipe with the fields that depend on the data filled in: loss, batch size, length, target scaling.

    Arguments:
        recipe: the recipe as given by the user.
        task: classification, multilabel or regression.
        training_rows: number of training rows.
        lowest: the smallest target of a regression.

    Raises: FalllineError for a search space, for a loss or a monitor that does not fit the task, for a schedule in a field
        that cannot change during the run, and for minibatches that the update rule or a layer cannot use.
    """
    refuse_space(recipe)
    refuse_timeless(recipe)
    loss = recipe.model.loss_of(recipe.loss or _usual_loss(task))
    if task not in loss.tasks:
        raise FalllineError(f"loss {loss.name!r} is for {' or '.join(loss.tasks)}; the target makes this a {task}")
    if recipe.calibrate != "none" and (task == "regression" or not loss.probabilistic):
        why = "a regression has none" if task == "regression" else f"the {loss.name} loss has scores"
        raise FalllineError(f"Recipe.calibrate = {recipe.calibrate!r} is for probabilities, and {why}: leave it out")
    if recipe.monitor not in (*OWN, "loss", "none"):
        metric(recipe.monitor, task)
    size = _batch_size(recipe.batch_size, training_rows)
    if recipe.optimizer.full_batch:
        if recipe.batch_size is not None and size < training_rows:
            raise FalllineError(
                f"optimizer {recipe.optimizer.name!r} compares gradients of the same rows from step to step and cannot use "
                f"minibatches of {size}: leave batch_size out, or set it to 'all'"
            )
        size = training_rows
    least = recipe.network(loss.outputs(2, task)).min_batch
    if size < least:
        raise FalllineError(
            f"Recipe.batch_size = {size} is too small for batch normalisation, which needs {least} examples or more to "
            "have a variance: choose a larger batch_size, or layer normalisation (model.layer_norm)"
        )
    if lowest is not None and lowest < loss.least_target:
        raise FalllineError(
            f"loss {loss.name!r} needs targets of {loss.least_target:g} or more; the smallest here is {lowest:g}"
        )
    target_scaler = loss.target_scaler(recipe.target_scaler) if task == "regression" else None
    if recipe.target_transform != "none":
        target_scaler = _logarithm(recipe, loss, task, lowest)
    recipe = dataclasses.replace(recipe, loss=loss, batch_size=size, target_scaler=target_scaler)
    found: Recipe = lasting(recipe, training_rows, size)
    return found


def _batch_size(asked: int | str | None, training_rows: int) -> int:
    """The number of rows of a minibatch."""
    if isinstance(asked, str):
        return training_rows
    if asked is None:
        # About 200 steps per epoch, as far as 32 to 256 examples per step allow.
        asked = 32
        while asked < 256 and training_rows // asked > 160:
            asked *= 2
    return min(asked, training_rows)


def _logarithm(recipe: Recipe, loss: Loss, task: str, lowest: float | None) -> Any:
    """The target's scaler for a transform that `complete_for` has decided."""
    if task != "regression":
        raise FalllineError(
            f"Recipe.target_transform is for a regression; the target makes this a {task}: leave it out"
        )
    if recipe.target_transform == "auto":
        raise FalllineError("Recipe.target_transform = 'auto' needs the rows of a table: say 'log' or 'none'")
    check_log(lowest)
    if not isinstance(loss.target_scaler(Log()), Log):
        raise FalllineError(
            f"loss {loss.name!r} scales the target by itself, so it cannot learn a logarithm: leave target_transform out"
        )
    return Log()


def complete_for(recipe: Recipe, dataset: Dataset, training_rows: int | None = None) -> Recipe:
    """The recipe completed for a data set; `training_rows` overrides the number of rows where a fold leaves fewer.

    Raises: FalllineError as `complete` does, and for a network that does not fit into memory.
    """
    refuse_space(recipe)
    if recipe.encoding is not None:
        counts = distinct_values(dataset.x[some(dataset.train)])
        recipe = dataclasses.replace(recipe, encoding=recipe.encoding.placed(counts, dataset.scaled))
    check_size(recipe, dataset)
    rows = len(dataset.train) if training_rows is None else training_rows
    if recipe.target_transform == "auto" and dataset.task == "regression":
        recipe = dataclasses.replace(recipe, target_transform=chosen_transform(dataset))
    lowest = float(dataset.given.min()) if dataset.task == "regression" and len(dataset.y) else None
    return complete(recipe, task=dataset.task, training_rows=rows, lowest=lowest)


def check_size(recipe: Recipe, dataset: Dataset) -> None:
    """Raises: FalllineError for a network whose training needs more memory than there is; nothing is allocated."""
    loss = recipe.model.loss_of(recipe.loss or _usual_loss(dataset.task))
    if dataset.task not in loss.tasks:
        return  # refused by `complete`, in a better sentence
    features, targets = dataset.x.shape[1], dataset.n_classes or int(np.atleast_2d(dataset.y).shape[-1])
    params, units = parameters_of(recipe, features, loss.outputs(targets, dataset.task))
    # Parameters, gradient, update, two memories and the best so far; for a minibatch, each unit forwards and backwards.
    needed = 4 * (6 * params + 2 * 32 * units)
    if needed > 2**28:
        check_memory(needed, f"a network of {params:,} parameters", "use fewer or narrower hidden layers")


def parameters_of(recipe: Recipe, features: int, outputs: int) -> tuple[int, int]:
    """Numbers of parameters and units of a recipe's network for rows with this number of features; nothing is allocated."""
    params, width = 0, recipe.inputs.outputs(features)
    for layer in layers_of(recipe.encoding):
        params, width = params + layer.size(width), layer.outputs(width)
    own, units = count_parameters(recipe.model, width, outputs)
    return params + own, units if recipe.encoding is None else units + width


def count_parameters(model: Model, inputs: int, outputs: int) -> tuple[int, int]:
    """Numbers of parameters and units in a model's network, by formula; nothing of that size is allocated.

    >>> count_parameters(MLP((10**9,)), 4, 3)
    (8000000003, 1000000003)
    """
    which = (jax.tree.structure(model), inputs, outputs)
    if which not in _COUNTS:
        if len(_COUNTS) > 256:
            _COUNTS.clear()
        params = units = 0
        for layer in model.network(outputs).layers:
            if isinstance(layer, Layer):
                params, inputs = params + layer.size(inputs), layer.outputs(inputs)
                units += inputs
        _COUNTS[which] = params, units
    return _COUNTS[which]


_COUNTS: dict[Any, tuple[int, int]] = {}


def _usual_loss(task: str) -> Loss:
    return {"regression": SquaredError(), "multilabel": BinaryCrossEntropy()}.get(task, SoftmaxCrossEntropy())


def recipe_to_plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as nested dicts; `name` is left out, since there is only one kind of recipe."""
    return {key: value for key, value in to_plain(recipe).items() if key != "name"}


def recipe_from_plain(plain: dict[str, Any]) -> Recipe:
    """The recipe described by nested dicts; an error about an unknown name suggests the nearest one.

    A recipe that names every other field was saved by a version that had none of those in `LATER`.
    """
    if set(declared_fields(Recipe)) - set(LATER) <= set(plain):
        plain = LATER | plain
    found: Recipe = from_plain("recipe", {"name": "recipe", **plain}, "recipe")
    return found
