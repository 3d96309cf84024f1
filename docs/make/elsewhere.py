"""What the update rules are called in other libraries, with their defaults, and what each rule is good and bad at.

Read from the sources of PyTorch 2.13, Keras 3.15 and Optax 0.2.8; `tests/optimizers/test_conventions.py` compares the
trajectories, and docs/rules.md lists the settings that agree.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Rule:
    """An update rule elsewhere, and in use."""

    pytorch: str
    keras: str
    optax: str
    strength: str
    weakness: str


NONE = "none"

RULES = {
    "sgd": Rule(
        "`SGD(lr=0.001)`",
        "`SGD(0.01)`",
        "`sgd(rate)`",
        "One number to tune, no memory. Its noise is well understood, and may help generalisation.",
        "Slow along the floor of a ravine. The rate depends on the scale of the loss.",
    ),
    "momentum": Rule(
        "`SGD(lr=0.001, momentum=m)`, rate outside the velocity",
        "`SGD(0.01, momentum=m)`, rate inside",
        "`sgd(rate, m)`, rate outside",
        "About sqrt(k) steps where gradient descent needs k, for a condition number k.",
        "Overshoots. The effective rate is a/(1 - mu), so both numbers must be tuned together.",
    ),
    "averaged_momentum": Rule(
        "`SGD(momentum=m, dampening=m)`, except for the first step",
        NONE,
        "`chain(ema(m), scale(-rate))`",
        "The step keeps its size when beta changes, so the rate can be tuned by itself.",
        "The same path as heavy ball with the rate a (1 - beta), so nothing is gained in speed.",
    ),
    "nesterov": Rule(
        "`SGD(lr=0.001, momentum=m, nesterov=True)`",
        "`SGD(0.01, momentum=m, nesterov=True)`",
        "`sgd(rate, m, nesterov=True)`",
        "Damps oscillations better than heavy ball, with a guarantee on convex functions.",
        "Less tolerant of a large rate: with mu near 1 it is stable only up to 4/(3 L).",
    ),
    "adagrad": Rule(
        "`Adagrad(lr=0.01, eps=1e-10)`",
        "`Adagrad(0.001, epsilon=1e-7)`, epsilon inside the root, sum from 0.1",
        "`adagrad(rate, eps=1e-7)`, as Keras",
        "A rate for each weight: rare inputs get large steps. Needs no schedule.",
        "The steps shrink like 1/sqrt(t) and never recover.",
    ),
    "adadelta": Rule(
        "`Adadelta(lr=1, rho=0.9)`",
        "`Adadelta(0.001)`: a thousandth of the original's steps",
        "`adadelta(rate, rho=0.9)`: a rate must be given",
        "Hardly any tuning: the ratio of two averages sets the step.",
        "Starts slowly, because the average of the updates begins at 0.",
    ),
    "rprop": Rule(
        "`Rprop(lr=0.01)`, without backtracking",
        NONE,
        "`rprop(rate)`, each step one gradient late",
        "Independent of the scale of the gradient. Hardly any tuning.",
        "For full batches only: the sign of a minibatch's gradient is mostly noise.",
    ),
    "rmsprop": Rule(
        "`RMSprop(lr=0.01, alpha=0.99)`",
        "`RMSprop(0.001)`, epsilon inside the root",
        "`rmsprop(rate)`, epsilon inside the root",
        "A rate for each weight that does not die, unlike AdaGrad's.",
        "Without correction the first step is 1/sqrt(1 - decay) times too large.",
    ),
    "adam": Rule(
        "`Adam(lr=0.001)`",
        "`Adam(0.001, epsilon=1e-7)`, epsilon-hat form",
        "`adam(rate)`",
        "Steps of about the size a, whatever the scale of the gradient: one rate fits many networks.",
        "With a constant rate it can end worse than SGD with momentum. Two averages per weight.",
    ),
    "adamw": Rule(
        "`AdamW(lr=0.001, weight_decay=0.01)`, decay times the rate, on all parameters",
        "`AdamW(0.001, weight_decay=0.004)`, decay times the rate",
        "`adamw(rate, weight_decay=1e-4)`, decay times the rate",
        "Decay acts alike on all weights, whatever the size of their gradients.",
        "The decay is another number to tune, and its meaning depends on whether the rate multiplies it.",
    ),
    "nadam": Rule(
        "`NAdam(lr=0.002)`",
        "`Nadam(0.001)`, momentum warms 250 times as fast",
        "`nadam(rate)`, no warming",
        "Adam with a look ahead: somewhat faster where the gradient is smooth.",
        "The same sensitivity as Adam's, and one more schedule inside.",
    ),
    "lbfgs": Rule(
        "`LBFGS(lr=1)`, history 100, no line search unless asked",
        NONE,
        "`lbfgs()`, memory 10, zoom line search",
        "Tens of steps where descent takes thousands, without tuning: small data, full batch.",
        "Mistakes the noise of minibatches or of dropout for curvature.",
    ),
    "newton": Rule(
        NONE,
        NONE,
        NONE,
        "One step on a quadratic, however ill-conditioned.",
        "n^2 numbers and n^3 work; attracted to saddle points as well.",
    ),
}
