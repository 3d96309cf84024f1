"""Layers one after another."""

from jaxtyping import Array, Float

from fallline.activations import Activation
from fallline.core.errors import FalllineError
from fallline.core.field import part, required
from fallline.core.random import Seed, named
from fallline.initializers import Fans
from fallline.layers.base import Layer, LayerCall, Params, Stats
from fallline.layers.dense import Dense


class Sequential(Layer):
    """Layers one after another, activations among them.

    Params and stats are dicts by the layer's name: `dense_1`, `dense_2`, ..., numbered per kind. With a list as `taps`,
    one tuple per activation is appended to it: (name of the layer whose sums it receives, activation, input, output).
    """

    layers: tuple[Layer | Activation, ...] = required(
        part(family="layer|activation", several=True, help="the layers, in order")
    )

    def __check_init__(self) -> None:
        for each in self.layers:
            if not isinstance(each, Layer | Activation):
                raise FalllineError(f"layer {each!r} is neither a layer nor an activation")

    def names(self) -> list[str]:
        """The name of every layer, in order."""
        counts: dict[str, int] = {}
        names = []
        for each in self.layers:
            own = getattr(each, "label", each.name)
            counts[own] = counts.get(own, 0) + 1
            names.append(f"{own}_{counts[own]}")
        return names

    @property
    def activations(self) -> int:
        """How many of the layers are activations."""
        return sum(isinstance(each, Activation) for each in self.layers)

    @property
    def min_batch(self) -> int:
        """The largest `min_batch` of the layers."""
        return max((each.min_batch for each in self.layers if isinstance(each, Layer)), default=1)

    def walk(self, inputs: int) -> list[tuple[str, Layer, int, int]]:
        """(name, layer, width of its input, width of its output) of everything but activations, in order.

        >>> from fallline.activations import ReLU
        >>> [(name, *widths) for name, _, *widths in Sequential((Dense(8), ReLU(), Dense(2))).walk(5)]
        [('dense_1', 5, 8), ('dense_2', 8, 2)]
        """
        found = []
        for name, each in zip(self.names(), self.layers, strict=True):
            if isinstance(each, Layer):
                found.append((name, each, inputs, each.outputs(inputs)))
                inputs = found[-1][-1]
        return found

    def outputs(self, inputs: int) -> int:
        for _, _, _, after in self.walk(inputs):
            inputs = after
        return inputs

    def init(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None, given: Params | None = None
    ) -> tuple[Params, Stats]:
        """Initial params and stats. Nothing is drawn for a dense layer whose params are all `given`."""
        params: Params = {}
        stats: Stats = {}
        inputs = shape[-1]
        for name, each in zip(self.names(), self.layers, strict=True):
            if isinstance(each, Layer):
                own = (given or {}).get(name, {})
                whole = isinstance(each, Dense) and own.keys() == each.parts
                p, s = (own, {}) if whole else each.init(named(key, name), (inputs,))
                p = {**p, **own}
                if p:
                    params[name] = p
                if s:
                    stats[name] = s
                inputs = each.outputs(inputs)
        return params, stats

    def apply(
        self,
        params: Params,
        stats: Stats,
        x: Float[Array, "batch inputs"],
        call: LayerCall,
        taps: list[tuple[str, Activation, Array, Array]] | None = None,
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        new = dict(stats)
        last = "input"
        for name, each in zip(self.names(), self.layers, strict=True):
            if isinstance(each, Activation):
                y = each(x)
                if taps is not None:
                    taps.append((last, each, x, y))
            else:
                own = None if call.key is None else named(call.key, name)
                y, s = each.apply(
                    params.get(name, {}), stats.get(name, {}), x, LayerCall(call.training, own, call.weight)
                )
                if s:
                    new[name] = s
                if "weight" in params.get(name, {}):
                    last = name
            x = y
        return x, new
