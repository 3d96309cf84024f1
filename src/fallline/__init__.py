"""Fallline trains neural networks by gradient descent, finds the settings that train them best, and says why.

Names are imported when they are first used, so that `import fallline` costs nothing and JAX starts late.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fallline._version import __version__ as __version__
from fallline.core.garbage import collector_rests

_HOMES = {
    "fallline.activations": ("ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"),
    "fallline.blackbox": ("Optimum", "Polished", "minimize", "polish"),
    "fallline.checking": ("RecipeCheck", "check_recipe"),
    "fallline.control.policies": ("LinearPolicy", "MLPPolicy"),
    "fallline.control.policy": ("TrainedPolicy", "load_policy"),
    "fallline.control.recipe": ("PolicyRecipe",),
    "fallline.control.search": ("train_policy",),
    "fallline.core.block": ("Block", "get", "replace", "walk"),
    "fallline.core.errors": ("FalllineError",),
    "fallline.core.field": ("number", "part", "structure"),
    "fallline.core.outcome": ("Outcome",),
    "fallline.core.schedule": ("Schedule", "Time"),
    "fallline.data.table": ("Table", "load"),
    "fallline.distributions": (
        "Choice",
        "Integer",
        "LogInteger",
        "LogNormal",
        "LogUniform",
        "Normal",
        "Quantised",
        "Uniform",
    ),
    "fallline.estimators": ("MLPClassifier", "MLPRegressor", "PopulationSearchCV", "to_fallline"),
    "fallline.gradients": ("GradientCheck", "check_gradient", "numerical_gradient"),
    "fallline.layers": ("BatchNorm", "Dense", "Dropout", "LayerNorm", "Maxout"),
    "fallline.losses": (
        "AbsoluteError",
        "BinaryCrossEntropy",
        "BinnedCrossEntropy",
        "Hinge",
        "Huber",
        "Poisson",
        "Quantile",
        "SoftmaxCrossEntropy",
        "SquaredError",
    ),
    "fallline.methods": ("ARS", "BRS", "CMAES", "SPSA", "FiniteDifference", "Method", "OpenAIES", "WithoutGradient"),
    "fallline.models": ("MLP", "Network"),
    "fallline.onnx.export": ("to_onnx",),
    "fallline.optimizers": (
        "LBFGS",
        "SGD",
        "AdaGrad",
        "Adadelta",
        "Adam",
        "AdamW",
        "AveragedMomentum",
        "Momentum",
        "Nadam",
        "Nesterov",
        "Newton",
        "Optimizer",
        "RMSProp",
        "Rprop",
    ),
    "fallline.penalties": ("L1", "L2", "ElasticNet", "MaxNorm"),
    "fallline.population": ("Halving", "Population", "evaluate"),
    "fallline.searching.coarse": ("CoarseToFine",),
    "fallline.searching.foreign": ("space_from",),
    "fallline.searching.optuna_sampler": ("OptunaSampler",),
    "fallline.searching.nested": ("Nested", "nested"),
    "fallline.searching.search": ("search",),
    "fallline.searching.study": ("Study", "Trial"),
    "fallline.searching.proposers": ("Grid", "Random", "Sobol"),
    "fallline.searching.space": ("Space",),
    "fallline.searching.tpe": ("TPE",),
    "fallline.report.page": ("write_report",),
    "fallline.scalers": ("PCA", "MinMax", "Pixels", "Robust", "Standardise", "Unscaled", "Whiten"),
    "fallline.schedules": ("Constant", "Cosine", "OneCycle", "ReduceOnPlateau"),
    "fallline.training.predictor": ("Predictor", "load_predictor"),
    "fallline.training.recipe": ("Recipe",),
    "fallline.training.train": ("Moment", "Run", "train"),
}
_FAMILIES = (
    "activations",
    "distributions",
    "gradients",
    "initializers",
    "layers",
    "losses",
    "methods",
    "metrics",
    "models",
    "optimizers",
    "penalties",
    "scalers",
    "schedules",
    "testing",
)
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_WHERE)

if TYPE_CHECKING:
    from fallline.activations import ReLU as ReLU
    from fallline.checking import check_recipe as check_recipe
    from fallline.core.block import Block as Block
    from fallline.core.block import get as get
    from fallline.core.block import replace as replace
    from fallline.core.block import walk as walk
    from fallline.core.errors import FalllineError as FalllineError
    from fallline.core.field import number as number
    from fallline.core.field import part as part
    from fallline.core.field import structure as structure
    from fallline.core.outcome import Outcome as Outcome
    from fallline.core.schedule import Schedule as Schedule
    from fallline.core.schedule import Time as Time
    from fallline.data.table import Table as Table
    from fallline.data.table import load as load
    from fallline.estimators import MLPClassifier as MLPClassifier
    from fallline.estimators import MLPRegressor as MLPRegressor
    from fallline.estimators import PopulationSearchCV as PopulationSearchCV
    from fallline.estimators import to_fallline as to_fallline
    from fallline.gradients import check_gradient as check_gradient
    from fallline.gradients import numerical_gradient as numerical_gradient
    from fallline.population import Population as Population
    from fallline.population.evaluate import evaluate as evaluate
    from fallline.training.recipe import Recipe as Recipe
    from fallline.training.train import train as train


def __getattr__(name: str) -> Any:
    if name not in _FAMILIES and name not in _WHERE:
        raise AttributeError(f"module 'fallline' has no attribute {name!r}")
    with collector_rests():
        if name in _FAMILIES:
            return import_module(f"fallline.{name}")
        value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
