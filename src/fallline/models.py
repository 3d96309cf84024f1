"""Models: the layers between the inputs and the loss; the width of the output layer is taken from the data."""

import dataclasses
from abc import abstractmethod
from typing import Any, ClassVar

from fallline.activations import Activation, ReLU
from fallline.core.block import Block, lookup
from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, part, structure
from fallline.initializers import GlorotUniform, Initializer, LeCunNormal
from fallline.layers import BatchNorm, Dense, Dropout, Heads, Layer, LayerNorm, Maxout, PReLU, Sequential, SharedDense
from fallline.layers.base import check_count, is_random
from fallline.losses import Loss, OfMembers

MOST_LAYERS = 1000  # a deeper network takes hours to compile


class Model(Block):
    """Gives the layers of a network once the number of outputs is known."""

    family: ClassVar[str] = "model"

    @abstractmethod
    def network(self, outputs: int) -> Sequential:
        """The layers, including the output layer, which has no activation."""

    def without_noise(self) -> "Model":
        """The model without its random layers, such as dropout; a model that may have some defines it."""
        return self

    def loss_of(self, loss: Loss) -> Loss:
        """The loss of the whole network, given the loss of one answer; they differ if the network has several members."""
        return loss.inner if isinstance(loss, OfMembers) else loss

    @property
    def widths(self) -> tuple[int, ...]:
        """Units of each hidden layer, for a model that has them as its field `hidden`; otherwise empty."""
        return ()

    @property
    def paddable(self) -> bool:
        """Whether units without weights beyond the model's own `widths` would change nothing that it computes."""
        return False


def refuse_equal_units(owner: str, initializer: Initializer | None) -> None:
    """Raises: FalllineError for an initializer that gives every unit of a hidden layer the same weights."""
    if isinstance(initializer, Initializer) and not initializer.breaks_symmetry:
        raise FalllineError(
            f"{owner} = {initializer.name!r} gives every unit the same weights, so that all get the same gradient and "
            "stay equal for ever (no symmetry breaking): use 'he_normal' or another random initializer"
        )


def check_widths(owner: str, hidden: object) -> None:
    """Raises: FalllineError for hidden widths that are no widths, or too many."""
    if not isinstance(hidden, tuple) or any(
        isinstance(each, bool) or not isinstance(each, int) or each < 1 for each in hidden
    ):
        raise FalllineError(
            f"{owner}.hidden = {hidden!r} is not a list of layer widths: expected whole numbers of 1 or more, "
            "such as (128, 64)"
        )
    if len(hidden) > MOST_LAYERS:
        raise FalllineError(f"{owner}.hidden has {len(hidden):,} layers: expected at most {MOST_LAYERS:,}")


class MLP(Model):
    """Multi-layer perceptron: dense layers with an activation each, then a linear output layer.

        h_k = dropout(f(norm(h_(k-1) W_k + b_k))),  prediction = h_K W + b

    An N-layer network has N weight matrices: two hidden layers make a three-layer network. With `pieces`, maxout layers
    replace the dense layers and activations, and the normalisation follows them. A dense layer before a batch
    normalisation has no bias, since the normalisation would subtract it again.

    >>> MLP(hidden=(8, 4)).network(outputs=3).names()
    ['dense_1', 'relu_1', 'dense_2', 'relu_2', 'dense_3']
    >>> MLP(hidden=(8,), batch_norm=True, dropout=0.2).network(outputs=3).names()
    ['dense_1', 'batch_norm_1', 'relu_1', 'dropout_1', 'dense_2']
    """

    name: ClassVar[str] = "mlp"
    aliases: ClassVar[tuple[str, ...]] = ("perceptron", "multilayer_perceptron", "feedforward")
    hidden: tuple[int, ...] = structure((128, 64), help="units of each hidden layer", unit="units")
    activation: Activation | PReLU = part(
        ReLU(), family="activation|layer", help="non-linearity of the hidden layers; also the layer prelu"
    )
    dropout: Number = number(
        None,
        valid="[0, 1)",
        usual=(0.0, 0.5),
        optional=True,
        read="training",
        searched=True,
        help="probability of dropping a hidden unit",
    )
    initializer: Initializer | None = part(
        None,
        family="initializer",
        optional=True,
        read="start",
        help="initial weights of the hidden layers; None: the activation's",
    )
    output_initializer: Initializer = part(
        GlorotUniform(), family="initializer", read="start", help="initial weights of the output layer"
    )
    batch_norm: bool = structure(False, choices=(True, False), help="batch normalisation before each activation")
    layer_norm: bool = structure(False, choices=(True, False), help="layer normalisation before each activation")
    pieces: int | None = structure(None, optional=True, help="maxout layers with this many sums per unit")
    dropout_form: str = structure("inverted", choices=("inverted", "vanilla"), help="which dropout")

    def __check_init__(self) -> None:
        check_widths("MLP", self.hidden)
        if isinstance(self.activation, Layer) and not self.activation.elementwise:
            raise FalllineError(
                f"MLP.activation = {self.activation.name!r} is a layer and no activation: expected one such as 'relu' or 'prelu'"
            )
        if self.batch_norm and self.layer_norm:
            raise FalllineError("MLP.batch_norm and MLP.layer_norm are both on: one undoes the other; keep one")
        if self.pieces is not None:
            check_count("MLP", "pieces", self.pieces, "weighted sums", least=2)
        if self.hidden:
            refuse_equal_units("MLP.initializer", self.initializer)
        if self.dropout is not None and self.dropout_form == "vanilla":
            Dropout(self.dropout, self.dropout_form)  # raises its own error for a schedule

    def without_noise(self) -> "MLP":
        return dataclasses.replace(self, dropout=None)

    @property
    def widths(self) -> tuple[int, ...]:
        return self.hidden

    @property
    def paddable(self) -> bool:
        # A layer normalisation would count the silent units, and so would the largest of several weighted sums.
        initializers = (self.initializer, self.output_initializer)
        by_place = all(each is None or each.by_place for each in initializers)
        return self.activation.zero_at_zero and by_place and not self.layer_norm and self.pieces is None

    def network(self, outputs: int) -> Sequential:
        layers = [each for width in self.hidden for each in self._hidden_layer(width)]
        return Sequential((*layers, Dense(outputs, self.output_initializer)))

    def _hidden_layer(self, width: int) -> list[Layer | Activation]:
        norm: list[Layer | Activation] = []
        if self.batch_norm or self.layer_norm:
            norm = [BatchNorm() if self.batch_norm else LayerNorm()]
        drop: list[Layer | Activation] = [] if self.dropout is None else [Dropout(self.dropout, self.dropout_form)]
        if self.pieces is not None:
            return [Maxout(width, self.pieces, self.initializer or LeCunNormal()), *norm, *drop]
        usual: Any = lookup("initializer", self.activation.initializer)
        initializer = usual() if self.initializer is None else self.initializer
        return [Dense(width, initializer, bias=not self.batch_norm), *norm, self.activation, *drop]


class Network(Model):
    """Layers of the user's own choice, followed by a linear output layer.

    >>> Network((Dense(8), ReLU(), Dropout(0.2))).network(outputs=2).names()
    ['dense_1', 'relu_1', 'dropout_1', 'dense_2']
    """

    name: ClassVar[str] = "network"
    layers: tuple[Layer | Activation, ...] = part(
        (), family="layer|activation", several=True, help="the hidden layers and activations"
    )
    output_initializer: Initializer = part(
        GlorotUniform(), family="initializer", read="start", help="initial weights of the output layer"
    )

    def __check_init__(self) -> None:
        for index, each in enumerate(self.layers if isinstance(self.layers, tuple) else ()):
            refuse_equal_units(f"Network.layers.{index}.initializer", getattr(each, "initializer", None))

    def without_noise(self) -> "Network":
        return dataclasses.replace(self, layers=tuple(each for each in self.layers if not is_random(each)))

    def network(self, outputs: int) -> Sequential:
        return Sequential((*self.layers, Dense(outputs, self.output_initializer)))


class TabM(Model):
    """k multi-layer perceptrons that share their weights, in one network; the answer is the mean of theirs.

        h_i,l = dropout(f(s_i,l ((r_i,l h_i,l-1) W_l) + b_i,l)),  z_i = h_i,L V_i + c_i,  i = 1 .. k

    Each member i has its own factors r and s, biases and output layer, and W is common to all. Only the first r starts at
    random, as +1 or -1, so the members differ from the first layer on. Every member is trained on its own loss, and the
    answers are averaged: an ensemble for about the price of one network of k times the units. All members see the same
    minibatches. More members want wider layers.

    Source: Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling", 2024, section
    3.3.

    >>> TabM(hidden=(8,), members=4, dropout=0.1).network(outputs=12).names()
    ['shared_dense_1', 'relu_1', 'dropout_1', 'heads_1']
    """

    name: ClassVar[str] = "tabm"
    hidden: tuple[int, ...] = structure((128, 64), help="units of each hidden layer, for each member", unit="units")
    members: int = structure(16, unit="members", help="number of members")
    activation: Activation = part(ReLU(), family="activation", help="non-linearity of the hidden layers")
    dropout: Number = number(
        None,
        valid="[0, 1)",
        usual=(0.0, 0.5),
        optional=True,
        read="training",
        help="probability of dropping a hidden unit",
    )
    initializer: Initializer | None = part(
        None,
        family="initializer",
        optional=True,
        read="start",
        help="initial weights of the hidden layers; None: the activation's",
    )
    output_initializer: Initializer = part(
        GlorotUniform(), family="initializer", read="start", help="initial weights of the output layers"
    )

    def __check_init__(self) -> None:
        check_widths("TabM", self.hidden)
        if not self.hidden:
            raise FalllineError("TabM.hidden is empty: members need a hidden layer whose weights they share")
        check_count("TabM", "members", self.members, "members")
        refuse_equal_units("TabM.initializer", self.initializer)

    def network(self, outputs: int) -> Sequential:
        if outputs % self.members:
            raise FalllineError(
                f"TabM of {self.members} members has {outputs} outputs: expected as many for each member, which its loss "
                "'of_members' sees to"
            )
        usual: Any = lookup("initializer", self.activation.initializer)
        initializer = usual() if self.initializer is None else self.initializer
        drop: list[Layer | Activation] = [] if self.dropout is None else [Dropout(self.dropout)]
        layers: list[Layer | Activation] = []
        for index, width in enumerate(self.hidden):
            layers += [SharedDense(width, self.members, index == 0, initializer), self.activation, *drop]
        return Sequential((*layers, Heads(outputs // self.members, self.members, self.output_initializer)))

    def without_noise(self) -> "TabM":
        return dataclasses.replace(self, dropout=None)

    def loss_of(self, loss: Loss) -> Loss:
        return OfMembers(super().loss_of(loss), self.members)
