"""Adam and its relatives: averages of the gradient and of its square."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.field import Number, number, structure
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, Optimizer, decay_rate, needed, per_leaf, rate, small, zeros_like
from fallline.optimizers.weights import on_weights


class Moments(NamedTuple):
    """Adam's memory: the step count, the two averages and, for AMSGrad, the largest second one."""

    t: Int[Array, ""]
    m: Any
    v: Any
    largest: Any = ()


class Adam(Optimizer):
    """Adaptive moments.

        m <- beta1 m + (1 - beta1) g            mhat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2          vhat = v / (1 - beta2^t)
        w <- w - a mhat / (sqrt(vhat) + epsilon)

    epsilon_place: "hat" w <- w - a sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon)    (Keras, scikit-learn)
                   "inside" w <- w - a mhat / sqrt(vhat + epsilon)                               (Optax's eps_root)
    corrected = False leaves mhat = m, vhat = v.
    amsgrad: the largest v so far ("raw": PyTorch, Keras) or the largest vhat ("corrected": Optax) in place of the
    last; the paper uses "raw" without correction.

    The default: a step is about `a` in every coordinate whatever the gradient's scale, so one learning rate fits many
    networks. With a constant learning rate it can end worse than SGD with momentum, so let the rate decay.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, Algorithm 1, and the end of section 2
    for epsilon-hat; Reddi, Kale and Kumar, "On the convergence of Adam and beyond", 2018, Algorithm 2.

    >>> rule = Adam(learning_rate=0.1)
    >>> g = jnp.array([1e-3, -50.0])
    >>> delta, _ = rule.update(g, rule.init(g))
    >>> [round(each, 4) for each in delta.tolist()]  # the first step is the learning rate times the sign
    [-0.1, 0.1]
    """

    name: ClassVar[str] = "adam"
    averages: ClassVar[tuple[str, ...]] = ("m",)
    learning_rate: Number = rate(1e-3)
    beta1: float = decay_rate(0.9, (0.8, 0.99), "share of the gradient's average kept")
    beta2: float = decay_rate(0.999, (0.9, 0.9999), "share of the square's average kept")
    epsilon: float = small(1e-8)
    corrected: bool = structure(
        True, choices=(True, False), help="bias correction: whether the averages' start at zero is corrected"
    )
    amsgrad: str = structure("no", choices=("no", "raw", "corrected"), help="divide by the largest v (or vhat) so far")
    epsilon_place: str = structure("outside", choices=("outside", "hat", "inside"), help="where epsilon is added")

    def begin(self, params: Tree) -> Moments:
        zeros = zeros_like(params)
        return Moments(jnp.zeros((), jnp.int32), zeros, zeros, () if self.amsgrad == "no" else zeros)

    def step(self, gradient: Tree, state: Moments, params: Tree = None, **evidence: Evidence) -> tuple[Any, Moments]:
        a, beta1, beta2 = self.learning_rate, self.beta1, self.beta2
        t = state.t + 1
        # Both corrections are factors computed once per step, instead of divisions in every coordinate.
        c1, c2 = (1 / (1 - beta1**t), 1 / (1 - beta2**t)) if self.corrected else (1.0, 1.0)
        divide, raw = self._division(c2), 1 / c2

        def rule(g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            return divide(-a * (m * c1), v), m, v

        def amsgrad(g: Array, m: Array, v: Array, u: Array) -> tuple[Array, Array, Array, Array]:
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            if self.amsgrad == "raw":
                u = jnp.maximum(u, v)
                return divide(-a * (m * c1), u), m, v, u
            u = jnp.maximum(u, v * c2)
            return divide(-a * (m * c1), u * raw), m, v, u

        if self.amsgrad == "no":
            delta, m, v = per_leaf(rule, gradient, state.m, state.v)
            return delta, Moments(t, m, v)
        delta, m, v, u = per_leaf(amsgrad, gradient, state.m, state.v, state.largest)
        return delta, Moments(t, m, v, u)

    def _division(self, c2: Number) -> Any:
        """The function m, v -> `m / (sqrt(c2 v) + epsilon)`, with epsilon placed by `epsilon_place`."""
        epsilon = self.epsilon
        if self.epsilon_place == "hat":
            return lambda m, v: m / (jnp.sqrt(c2) * (jnp.sqrt(v) + epsilon))
        if self.epsilon_place == "inside":
            return lambda m, v: m / jnp.sqrt(v * c2 + epsilon)
        return lambda m, v: m / (jnp.sqrt(v * c2) + epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay.

        w <- w - a mhat / (sqrt(vhat) + epsilon) - a decay w        (decay_by = "rate")
        w <- w - a mhat / (sqrt(vhat) + epsilon) - decay w          (decay_by = "itself")

    The paper decays by eta_t lambda, the schedule without its peak. With a scheduled learning rate, "rate" is equivalent
    with lambda = a decay, as in every library; "itself" with a schedule in `weight_decay` is exactly the paper's rule.

    Weights shrink at the same pace whatever the size of their gradients, whereas an L2 penalty under Adam hardly shrinks
    weights with large gradients. The best decay still depends on the length of the run.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, Algorithm 2.

    >>> rule = AdamW(learning_rate=0.1, weight_decay=0.5)
    >>> w = {"weight": jnp.array([2.0]), "bias": jnp.array([2.0])}
    >>> delta, _ = rule.update(zeros_like(w), rule.init(w), w)
    >>> [round(float(delta[name][0]), 3) for name in ("weight", "bias")]
    [-0.1, -0.0]
    """

    name: ClassVar[str] = "adamw"
    weight_decay: Number = number(
        1e-2, valid="[0, inf)", usual=(1e-4, 1.0), scale="log", searched=True, help="lambda, the share lost"
    )
    decay_by: str = structure("rate", choices=("rate", "itself"), help="whether the learning rate multiplies the decay")
    decayed: str = structure("weights", choices=("weights", "all"), help="weights alone, or biases and scales as well")

    def step(self, gradient: Tree, state: Moments, params: Tree = None, **evidence: Evidence) -> tuple[Any, Moments]:
        params = needed("params", self, {"params": params})
        delta, state = super().step(gradient, state, params, **evidence)
        share = self.weight_decay * self.learning_rate if self.decay_by == "rate" else self.weight_decay
        return on_weights(lambda d, w: d - share * w, delta, params, everywhere=self.decayed == "all"), state


class Looked(NamedTuple):
    """Nadam's memory: the step count, the two averages and the product of the momenta so far."""

    t: Int[Array, ""]
    m: Any
    v: Any
    product: Float[Array, ""]


class Nadam(Optimizer):
    """Adam with Nesterov's look-ahead and a momentum that warms up.

        mu_t = beta1 (1 - 0.96^(t warming) / 2)     or beta1 itself, where warming is None (Optax)
        m <- mu_t m + (1 - mu_t) g                  average = "beta1": beta1 in place of mu_t (PyTorch, Keras)
        v <- beta2 v + (1 - beta2) g^2
        mhat = mu_(t+1) m / (1 - mu_1 ... mu_(t+1)) + (1 - mu_t) g / (1 - mu_1 ... mu_t)
        w <- w - a mhat / (sqrt(v / (1 - beta2^t)) + epsilon)

    Often a little faster than Adam at the same rate, since the newest gradient counts more. It is unstable wherever Adam
    is.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016, Algorithm 2.

    >>> rule = Nadam(learning_rate=0.1, warming=None)
    >>> g = jnp.array([1e-3, -50.0])
    >>> delta, _ = rule.update(g, rule.init(g))
    >>> [round(each, 4) for each in delta.tolist()]  # 0.9 * 0.1 / (1 - 0.9^2) + 1 learning rates
    [-0.1474, 0.1474]
    """

    name: ClassVar[str] = "nadam"
    averages: ClassVar[tuple[str, ...]] = ("m",)
    learning_rate: Number = rate(2e-3)
    beta1: float = decay_rate(0.9, (0.8, 0.99), "what the momentum mu_t tends to")
    beta2: float = decay_rate(0.999, (0.9, 0.9999), "share of the square's average kept")
    epsilon: float = small(1e-8)
    warming: Number = number(
        4e-3, valid="[0, inf)", usual=(1e-3, 1.0), scale="log", optional=True, unit="per step", help="how fast mu rises"
    )
    average: str = structure("mu", choices=("mu", "beta1"), help="what the gradient's average keeps")

    def begin(self, params: Tree) -> Looked:
        zeros = zeros_like(params)
        dtype = jnp.result_type(jnp.float32, *(leaf.dtype for leaf in jax.tree.leaves(params)))
        return Looked(jnp.zeros((), jnp.int32), zeros, zeros, jnp.ones((), dtype))

    def step(self, gradient: Tree, state: Looked, params: Tree = None, **evidence: Evidence) -> tuple[Any, Looked]:
        a, beta2, epsilon, t = self.learning_rate, self.beta2, self.epsilon, state.t + 1
        mu, after = self._mu(t), self._mu(t + 1)
        keep = mu if self.average == "mu" else self.beta1
        product = (state.product * mu).astype(state.product.dtype)
        look, now, c2 = after / (1 - product * after), (1 - mu) / (1 - product), 1 / (1 - beta2**t)

        def rule(g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
            m = keep * m + (1 - keep) * g
            v = beta2 * v + (1 - beta2) * g**2
            return -a * (look * m + now * g) / (jnp.sqrt(v * c2) + epsilon), m, v

        delta, m, v = per_leaf(rule, gradient, state.m, state.v)
        return delta, Looked(t, m, v, product)

    def _mu(self, t: Array) -> Any:
        return self.beta1 if self.warming is None else self.beta1 * (1 - 0.5 * 0.96 ** (t * self.warming))
