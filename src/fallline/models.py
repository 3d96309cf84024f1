"""Models: the layers between the inputs and the loss, without the output layer's width, which the data decide."""

from abc import abstractmethod
from typing import Any, ClassVar

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import number, part, structure
from fallline.activations import Activation, ReLU
from fallline.initializers import GlorotUniform, HeNormal, Initializer
from fallline.layers import Dense, Dropout, Layer, Sequential


class Model(Block):
    """Says which layers a network has, once the number of outputs is known."""

    family: ClassVar[str] = "model"

    @abstractmethod
    def network(self, outputs: int) -> Sequential:
        """The layers, the output layer (no activation) included."""


class MLP(Model):
    """Multi-layer perceptron: dense layers with an activation each, then a linear output layer.

        h_k = dropout(f(h_(k-1) W_k + b_k)),  prediction = h_K W + b

    An N-layer network has N weight matrices: two hidden layers make a three-layer network.

    >>> MLP(hidden=(8, 4)).network(outputs=3).names()
    ['dense_1', 'relu_1', 'dense_2', 'relu_2', 'dense_3']
    """

    name: ClassVar[str] = "mlp"
    hidden: tuple[int, ...] = structure((128, 64), help="units of each hidden layer", unit="units")
    activation: Activation = part(ReLU(), family="activation", help="non-linearity of the hidden layers")
    dropout: Any = number(
        None, valid="[0, 1)", usual=(0.0, 0.5), optional=True, help="probability of dropping a hidden unit"
    )
    initializer: Initializer = part(HeNormal(), family="initializer", help="initial weights of the hidden layers")
    output_initializer: Initializer = part(
        GlorotUniform(), family="initializer", help="initial weights of the output layer"
    )

    def __check_init__(self) -> None:
        if not isinstance(self.hidden, tuple) or any(
            isinstance(each, bool) or not isinstance(each, int) or each < 1 for each in self.hidden
        ):
            raise FalllineError(
                f"MLP.hidden = {self.hidden!r} is not a list of layer widths: expected whole numbers of 1 or more, "
                "such as (128, 64)"
            )

    def network(self, outputs: int) -> Sequential:
        layers: list[Layer | Activation] = []
        for width in self.hidden:
            layers += [Dense(width, self.initializer), self.activation]
            if self.dropout is not None:
                layers.append(Dropout(self.dropout))
        return Sequential((*layers, Dense(outputs, self.output_initializer)))


class Network(Model):
    """Layers of the user's own choice, followed by a linear output layer.

    >>> Network((Dense(8), ReLU(), Dropout(0.2))).network(outputs=2).names()
    ['dense_1', 'relu_1', 'dropout_1', 'dense_2']
    """

    name: ClassVar[str] = "network"
    layers: tuple[Layer | Activation, ...] = part((), family="layer|activation", help="the hidden layers and activations")
    output_initializer: Initializer = part(
        GlorotUniform(), family="initializer", help="initial weights of the output layer"
    )

    def network(self, outputs: int) -> Sequential:
        return Sequential((*self.layers, Dense(outputs, self.output_initializer)))
