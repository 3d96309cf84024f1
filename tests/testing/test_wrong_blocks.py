"""A block that lacks a property is found by the check of that property, which says what it found."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from fallline.activations import Activation, ReLU
from fallline.core.errors import FalllineError
from fallline.core.field import number, structure
from fallline.core.random import normal
from fallline.core.schedule import Schedule
from fallline.initializers import Initializer
from fallline.initializers.base import fans_of
from fallline.layers import BatchNorm, Layer
from fallline.losses import Loss, SquaredError
from fallline.methods import BRS
from fallline.optimizers import SGD, Momentum
from fallline.penalties import L2, Penalty
from fallline.scalers import Standardise
from fallline.schedules import Cosine
from fallline.testing import check, checks
from fallline.testing.base import FAMILIES


class FalseRange(Activation):
    """A tanh that claims to stay above 0."""

    range: ClassVar = (0.0, 1.0)
    zero_centred: ClassVar = True
    saturates: ClassVar = "for |x| > 4"

    def __call__(self, x):
        return jnp.tanh(x)


class FalseCentre(FalseRange):
    """A tanh that claims to be off centre."""

    range: ClassVar = (-1.0, 1.0)
    zero_centred: ClassVar = False


class NeverFlat(FalseRange):
    """A tanh that claims never to saturate."""

    range: ClassVar = (-1.0, 1.0)
    saturates: ClassVar = "nowhere"


class Mixing(Activation):
    """A softmax, which is no elementwise function."""

    def __call__(self, x):
        return jax.nn.softmax(x, axis=-1) if x.ndim else x


class Overflowing(Activation):
    """A softplus without care."""

    zero_at_zero: ClassVar = False

    def __call__(self, x):
        return jnp.log(1 + jnp.exp(x))


class Double(Activation):
    """The sum itself, in single precision whatever comes."""

    zero_centred: ClassVar = True

    def __call__(self, x):
        return jnp.asarray(x, jnp.float32)


class Undeclared(Activation):
    """A number that no file and no search will see."""

    zero_centred: ClassVar = True
    slope: float = 1.0

    def __call__(self, x):
        return self.slope * x


class Idle(Activation):
    """A number that does nothing."""

    zero_centred: ClassVar = True
    slope: float = number(1.0, help="nothing")

    def __call__(self, x):
        return x


class Branching(Activation):
    """A number that decides the program."""

    zero_centred: ClassVar = True
    slope: float = number(1.0, valid="[0, inf)", help="the slope")

    def __call__(self, x):
        return x if self.slope == 1.0 else self.slope * x


class WrongVariance(Initializer):
    """He's weights, drawn with half of their variance."""

    def __call__(self, key, shape, fans=None):
        return normal(key, shape) / jnp.sqrt(fans_of(shape, fans)[0])

    def moments(self, inputs, outputs):
        return 0.0, 2.0 / inputs


class Shifted(WrongVariance):
    """Weights around three thousandths."""

    def __call__(self, key, shape, fans=None):
        return super().__call__(key, shape, fans) + 3e-3

    def moments(self, inputs, outputs):
        return 0.0, 1.0 / inputs


class Threefry(WrongVariance):
    """JAX's own draws, where a wide layer does not begin with a narrow one's."""

    def __call__(self, key, shape, fans=None):
        return jax.random.normal(key, shape) / jnp.sqrt(fans_of(shape, fans)[0])


class Equal(WrongVariance):
    """Weights of which each unit has the same."""

    def __call__(self, key, shape, fans=None):
        return jnp.broadcast_to(super().__call__(key, shape, fans)[..., :1], shape)


@jax.custom_jvp
def squares(d):
    return d**2


squares.defjvp(lambda primals, tangents: (squares(*primals), primals[0] * tangents[0]))  # without the 2


class WrongGradient(SquaredError):  # noqa: N818
    """Squared error with half of its gradient."""

    name: ClassVar = ""

    def __call__(self, prediction, target):
        return jnp.mean(squares(prediction - target), axis=-1)


class OffTarget(SquaredError):  # noqa: N818
    """Squared error around the target plus a tenth."""

    name: ClassVar = ""

    def __call__(self, prediction, target):
        return jnp.mean((prediction - target - 0.1) ** 2, axis=-1)


class Averaged(SquaredError):  # noqa: N818
    """A loss that is a mean over the examples already."""

    name: ClassVar = ""

    def __call__(self, prediction, target):
        return jnp.broadcast_to(jnp.mean((prediction - target) ** 2), prediction.shape[:1])


class Reduced(Averaged):
    """A loss that is a single number."""

    def __call__(self, prediction, target):
        return jnp.mean((prediction - target) ** 2)


class NoLogits(Loss):
    """Cross-entropy of probabilities, asked of the outputs."""

    tasks: ClassVar = ("classification",)

    def __call__(self, prediction, target):
        p = jnp.exp(prediction) / jnp.sum(jnp.exp(prediction), axis=-1, keepdims=True)
        return -jnp.log(jnp.take_along_axis(p, target[:, None], axis=-1)[:, 0])


class NoTask(SquaredError):  # noqa: N818
    """A loss for nothing."""

    name: ClassVar = ""
    tasks: ClassVar = ()


class Uphill(SGD):
    """Descent with the sign forgotten."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        delta, state = super().step(gradient, state, params, **evidence)
        return jax.tree.map(jnp.negative, delta), state


class TooLong(SGD):
    """Steps that a bowl throws out."""

    name: ClassVar = ""
    learning_rate: float = number(2.0, valid="[0, inf)", help="a")


class Restless(SGD):
    """A step even where there is no slope."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        return jax.tree.map(lambda g: -self.learning_rate * (g + 1e-3), gradient), state


class Single(SGD):
    """Steps in single precision."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        delta, state = super().step(gradient, state, params, **evidence)
        return jax.tree.map(lambda d: d.astype(jnp.float32), delta), state


class Rounded(Momentum):
    """A velocity whose share that is kept must be a Python number."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        if self.momentum > 0.95:
            return SGD(self.learning_rate).step(gradient, ()), state
        return super().step(gradient, state, params, **evidence)


class Neighbourly(SGD):
    """A rate divided by all of a population's gradients, where there is one."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        from jax.custom_batching import custom_vmap

        @custom_vmap
        def shared(rate):
            return rate

        @shared.def_vmap
        def _(size, batched, rate):
            return jnp.broadcast_to(jnp.mean(rate), rate.shape), True

        return jax.tree.map(lambda g: -shared(jnp.asarray(self.learning_rate)) * g, gradient), state


class Stepped(Schedule):
    """A schedule that branches on a Python number."""

    peak: float = number(0.1, valid="[0, inf)", help="the value at the start")

    def __call__(self, time):
        return self.peak if time.progress < 0.5 else 0.1 * self.peak


class Overshooting(Cosine):
    """A schedule that comes to more than it says."""

    name: ClassVar = ""

    def __call__(self, time):
        return 1.5 * super().__call__(time)


class Sinking(Schedule):
    """A floor that does not hold."""

    peak: float = number(0.1, valid="[0, inf)", help="the value at the start")
    floor: float = number(0.01, valid="[0, inf)", help="the lowest value")

    def __call__(self, time):
        return self.floor + (self.peak - self.floor) * (1 - time.epoch / 40)


class Everything(Penalty):
    """A ridge on biases too."""

    def __call__(self, params):
        return 0.5 * sum((jnp.vdot(w, w) for w in jax.tree.leaves(params)), start=jnp.zeros(()))


class Offset(L2):
    """A penalty that costs something at zero."""

    name: ClassVar = ""

    def __call__(self, params):
        return super().__call__(params) + 1.0


class Lengthening(L2):
    """A bound that makes weights longer."""

    name: ClassVar = ""

    def project(self, params):
        return jax.tree.map(lambda w: 1.1 * w, params)


class AllRows(Standardise):
    """Statistics of all rows, those of the validation among them."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        return super().fit(x, jnp.ones_like(weight), columns)


class AllColumns(Standardise):
    """Every column scaled, zeros and ones among them."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        return super().fit(x, weight)


class Gaps(Standardise):
    """Missing values left missing."""

    name: ClassVar = ""

    def apply(self, stats, x):
        return (x - stats["mean"]) * stats["inverse"]


class FillingCounts(BatchNorm):
    """A normalisation over the rows that only fill."""

    name: ClassVar = ""

    def apply(self, params, stats, x, *, key, training, weight=None):
        return super().apply(params, stats, x, key=key, training=training)


class Blended(Layer):
    """A layer that predicts by the whole batch."""

    def apply(self, params, stats, x, *, key, training, weight=None):
        return x - jnp.mean(x, axis=0), stats


class FalseWidth(Layer):
    """A layer that halves its width and does not say so."""

    def apply(self, params, stats, x, *, key, training, weight=None):
        return x[:, : x.shape[1] // 2], stats


class NoHelp(Activation):
    """A field that says nothing of itself, with a usual range that is not valid."""

    zero_centred: ClassVar = True
    slope: float = number(1.0, valid="[0, 1]", usual=(0.1, 3.0), help="the slope")
    form: str = structure("one")

    def __call__(self, x):
        return self.slope * x


class WrongSlope(Activation):
    """Half of the sum's square, with a slope of its own making."""

    range: ClassVar = (0.0, float("inf"))

    def __call__(self, x):
        return squares(x)


class FalseZero(Activation):
    """A line that misses 0."""

    def __call__(self, x):
        return x + 1.0


class NoWeights(Activation):
    """A line that no initial weights fit."""

    zero_centred: ClassVar = True
    initializer: ClassVar = "he_norml"

    def __call__(self, x):
        return x


class Deafening(NoWeights):
    """A line whose signal is gone after ten layers."""

    initializer: ClassVar = "small_normal"


class HalfPrecise(WrongVariance):
    """Weights of 16 bits."""

    def __call__(self, key, shape, fans=None):
        return super().__call__(key, shape, fans).astype(jnp.bfloat16)


class Keyless(WrongVariance):
    """Weights that are the same for every key."""

    def __call__(self, key, shape, fans=None):
        return super().__call__(jax.random.key(7), shape, fans)


class Needy(SGD):
    """A rule that expects an array."""

    name: ClassVar = ""

    def begin(self, params):
        return jax.tree.leaves(params)[0]


class OnceOnly(Momentum):
    """A memory that does not stay as it begins."""

    name: ClassVar = ""

    def begin(self, params):
        return ()

    def step(self, gradient, state, params=None, **evidence):
        return super().step(gradient, super().begin(params), params)


class Numberly(SGD):
    """A rate of a schedule that is not the schedule's."""

    name: ClassVar = ""

    def update(self, gradient, state, params=None, **evidence):
        delta, state = super().update(gradient, state, params, **evidence)
        return (delta if isinstance(self.learning_rate, jax.Array) else jax.tree.map(jnp.zeros_like, delta)), state


class Summed(Momentum):
    """A count of steps declared to be an average of gradients."""

    name: ClassVar = ""
    averages: ClassVar = ("v", "steps")


class WrongPenalty(L2):
    """A ridge with half of its gradient."""

    name: ClassVar = ""

    def __call__(self, params):
        return sum((squares(w).sum() for w in jax.tree.leaves(params) if w.ndim > 1), start=jnp.zeros(()))


class Rewarding(L2):
    """A ridge turned upside down."""

    name: ClassVar = ""

    def __call__(self, params):
        return -super().__call__(params)


class PerLayer(L2):
    """A penalty for each layer."""

    name: ClassVar = ""

    def __call__(self, params):
        return jnp.stack([super().__call__(params)] * 2)


class Dividing(Schedule):
    """A decay that divides by what is left."""

    peak: float = number(0.1, valid="[0, inf)", help="the value at the start")

    def __call__(self, time):
        return self.peak / (time.epoch - 10.0)


class SingleTime(Schedule):
    """A value in single precision."""

    def __call__(self, time):
        return time.progress.astype(jnp.float32)


class Narrow(Standardise):
    """A scaler that loses a column and does not say so."""

    name: ClassVar = ""

    def apply(self, stats, x):
        return super().apply(stats, x)[:, 1:]


class FirstRow(Standardise):
    """Statistics of the first row alone."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        return {"mean": x[0], "inverse": jnp.ones_like(x[0])}


class Exploding(Standardise):
    """A division by a spread of zero, almost."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        mean = weight @ x / weight.sum()
        return {"mean": mean, "inverse": 1 / (jnp.sqrt(weight @ (x - mean) ** 2 / weight.sum()) + 1e-8)}


class OneWay(Standardise):
    """A way back that forgets the mean."""

    name: ClassVar = ""

    def invert(self, stats, x):
        return x / stats["inverse"]


class Unseeded(Layer):
    """A layer whose params differ from call to call."""

    calls: ClassVar = []

    def init(self, key, shape, fans=None):
        self.calls.append(1)
        return {"weight": jnp.full(shape, float(len(self.calls)))}, {}

    def apply(self, params, stats, x, *, key, training, weight=None):
        return x * params["weight"], stats


class WrongLayer(Layer):
    """A layer with half of its gradient."""

    def apply(self, params, stats, x, *, key, training, weight=None):
        return squares(x), stats


class Fragile(Layer):
    """A normalisation without an epsilon."""

    def apply(self, params, stats, x, *, key, training, weight=None):
        return x / jnp.std(x, axis=1, keepdims=True), stats


class HalfSeen(BRS):
    """One candidate fewer than it says."""

    name: ClassVar = ""

    def candidates(self, d):
        return super().candidates(d) + 1


class Forgetful(BRS):
    """The same directions in every iteration."""

    name: ClassVar = ""

    def drawn(self, state):
        return super().drawn(state._replace(iteration=0))


class Drifting(BRS):
    """A step that needs no difference."""

    name: ClassVar = ""

    def step_from(self, state, d, above, below, good):
        return super().step_from(state, d, above, below, good)[0] + 1e-3, ()


class Trusting(BRS):
    """A failed direction's value taken for 0."""

    name: ClassVar = ""

    def move(self, state, values):
        return super().move(state, jnp.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0))


class Climbing(BRS):
    """The other way."""

    name: ClassVar = ""

    def step_from(self, state, d, above, below, good):
        return super().step_from(state, d, below, above, good)


WRONG = [
    (HalfSeen(), "dtypes", "candidates and state"),
    (Forgetful(), "drawn_again", "the same candidates"),
    (Drifting(), "flat", "the point after equal values"),
    (Trusting(), "failures", "the point after another failure of the same direction"),
    (Climbing(), "descends", "the values at the start, halfway and at the end"),
    (WrongSlope(), "gradient", "beside central differences"),
    (FalseZero(), "zero_at_zero", "f(0) = 1"),
    (NoWeights(), "initializer", "did you mean 'he_normal'"),
    (Deafening(), "initializer", "after ten layers"),
    (HalfPrecise(), "dtypes", "bfloat16"),
    (Keyless(), "by_key", "other weights with another key: False"),
    (Needy(), "empty", "IndexError"),
    (OnceOnly(), "dtypes", "step, memory and shown params"),
    (OnceOnly(), "skipped", "TypeError"),
    (Numberly(), "own_count", "steps of constants beside steps of numbers"),
    (Summed(), "half", "AttributeError"),
    (WrongPenalty(), "gradient", "beside central differences"),
    (Rewarding(), "grows", "at 0.5, 1, 2 and 10^6 times"),
    (PerLayer(), "dtypes", "penalty and bounded params"),
    (Dividing(), "whole_run", "not finite"),
    (SingleTime(), "dtypes", "float64"),
    (Narrow(), "dtypes", "scaled rows"),
    (FirstRow(), "order", "another order"),
    (Exploding(), "constant", "a constant column's unseen value"),
    (OneWay(), "way_back", "scaled again"),
    (Unseeded(), "init", "initialised again"),
    (WrongLayer(), "gradient", "beside central differences"),
    (Fragile(), "smallest", "not finite"),
    (FalseRange(), "range", "comes down to -1; the declared range is (0, 1)"),
    (FalseCentre(), "zero_centred", "declared: zero_centred = False"),
    (NeverFlat(), "saturates", "declared: saturates 'nowhere'"),
    (Mixing(), "elementwise", "beside other numbers"),
    (Overflowing(), "far", "not finite"),
    (Double(), "dtypes", "float64"),
    (Undeclared(), "declared", "the field 'slope' is not declared"),
    (NoHelp(), "declared", "slope = 3 is outside of its interval [0, 1]"),
    (Idle(), "traced", "the field 'slope' does nothing"),
    (Branching(), "traced", "TracerBoolConversionError"),
    (WrongVariance(), "moments", "declared 0.008"),
    (Shifted(), "moments", "mean 0.00"),
    (Threefry(), "by_place", "corner of a padded array"),
    (Equal(), "breaks_symmetry", "two units are equal"),
    (WrongGradient(), "gradient", "beside central differences"),
    (OffTarget(), "minimum", "the best prediction"),
    (Averaged(), "per_example", "another order"),
    (Reduced(), "dtypes", "losses and answers"),
    (NoLogits(), "far", "not finite"),
    (NoLogits(), "probabilities", "an answer is"),
    (NoTask(), "tasks", "expected some of"),
    (Uphill(), "descends", "the loss at the start, halfway and at the end"),
    (TooLong(), "descends", "the loss at the start, halfway and at the end"),
    (Restless(), "still", "the params after three steps"),
    (Single(), "dtypes", "float64"),
    (Rounded(), "traced", "TracerBoolConversionError"),
    (Neighbourly(), "traced", "a lane"),
    (Stepped(), "traced", "TracerBoolConversionError"),
    (Overshooting(), "reached", "`reached` says 0 to 0.001"),
    (Sinking(), "floor", "below the floor of 0.01"),
    (Everything(), "weights_alone", "other biases"),
    (Offset(), "zero_at_zero", "the penalty of zero weights is 1"),
    (Lengthening(), "bound", "applied twice"),
    (AllRows(), "training_rows", "scaled by other rows"),
    (AllRows(), "weights", "scaled by weights"),
    (AllColumns(), "columns", "may not be touched"),
    (Gaps(), "missing", "not finite"),
    (FillingCounts(), "filling", "rows beside other filling"),
    (Blended(), "prediction", "a row among other rows"),
    (FalseWidth(), "dtypes", "outputs and stats"),
]


@pytest.mark.parametrize(("block", "name", "found"), WRONG, ids=[f"{n}-{type(b).__name__}" for b, n, _ in WRONG])
def test_found_by_the_named_check(block, name, found):
    own = {each.name: each for each in checks(block)}
    with pytest.raises(AssertionError) as said:
        own[name](block)
    sentence = str(said.value)
    assert sentence.startswith(f"{type(block).__name__}(")
    assert f"fails {name!r} ({own[name].says})" in sentence
    assert found in sentence


def test_every_check_finds_somebody():
    found = {(block.family, name) for block, name, _ in WRONG} | {("activation", "written")}
    common = {"declared", "written", "traced"}
    blocks = {block.family: block for block, *_ in WRONG}
    for kind in FAMILIES:
        for each in checks(blocks[kind]):
            assert (kind, each.name) in found or each.name in common, f"{kind}: {each.name}"
    assert common <= {name for _, name in found}


def test_a_block_that_no_file_can_hold_is_found(monkeypatch):
    monkeypatch.setattr("fallline.core.block._FAMILIES", {"activation": {}})

    class Unnameable(Activation):
        """A structure that comes back as another."""

        name: ClassVar = "unnameable"
        zero_centred: ClassVar = True
        sizes: tuple = structure(({1},), help="a tuple of sets")

        def __call__(self, x):
            return x

        def __eq__(self, other):
            return self is other

        __hash__ = None

    with pytest.raises(AssertionError, match=r"fails 'written'.*read again it is"):
        check(Unnameable())


def test_every_check_is_listed_once_and_says_its_property():
    for block in {type(block): block for block, *_ in WRONG}.values():
        each = checks(block)
        assert len({check.name for check in each}) == len(each)
        assert all(len(check.says) > 20 and not check.says.endswith(".") for check in each)


def test_check_gathers_all_that_is_wrong_in_one_error():
    with pytest.raises(AssertionError) as said:
        check(FalseRange())
    assert str(said.value).count("FalseRange() fails") == 1
    with pytest.raises(AssertionError, match=r"(?s)fails 'far'.*fails 'probabilities'"):
        check(NoLogits())
    check(ReLU())


def test_what_is_no_block_is_refused_in_a_sentence():
    class Own(eqx.Module):
        """Not a block."""

    for wrong in (Own(), ReLU, 3):
        with pytest.raises(FalllineError, match="expected a block of a family"):
            check(wrong)
