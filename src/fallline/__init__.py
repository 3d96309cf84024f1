"""Fallline trains neural networks by gradient descent, finds the settings that train them best, and says why.

Names are imported when they are first used, so that `import fallline` costs nothing and JAX starts late. Type checkers
read `__init__.pyi` instead, which `python benchmarks/stub.py` writes from the table below.
"""

from importlib import import_module
from typing import Any

from fallline._version import __version__ as __version__
from fallline.core.garbage import collector_rests

_HOMES = {
    "fallline.activations": ("ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"),
    "fallline.blackbox": ("Optimum", "Polished", "minimize", "polish"),
    "fallline.callbacks": ("Callback", "MLflow", "TensorBoard"),
    "fallline.checking": ("RecipeCheck", "check_recipe"),
    "fallline.control.policies": ("LinearPolicy", "MLPPolicy"),
    "fallline.control.policy": ("TrainedPolicy", "load_policy"),
    "fallline.control.recipe": ("PolicyRecipe",),
    "fallline.control.search": ("train_policy",),
    "fallline.core.block": ("Block", "get", "replace", "walk"),
    "fallline.core.driving": ("Progress",),
    "fallline.core.errors": ("FalllineError",),
    "fallline.core.field": ("number", "part", "required", "structure"),
    "fallline.core.outcome": ("Outcome",),
    "fallline.core.schedule": ("Schedule", "Time"),
    "fallline.data.table": ("Table", "load"),
    "fallline.diagnosis": ("Diagnosis", "Finding"),
    "fallline.doctor": ("diagnose", "fork"),
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
    "fallline.encodings": (
        "AutoEncoding",
        "Encodings",
        "InputScales",
        "Periodic",
        "PiecewiseEmbedding",
        "PiecewiseLinear",
    ),
    "fallline.ensembles.run": ("EnsembleRun",),
    "fallline.ensembles.train": ("train",),
    "fallline.estimators": ("MLPClassifier", "MLPRegressor", "PopulationSearchCV", "to_fallline"),
    "fallline.gradients": ("GradientCheck", "check_gradient", "numerical_gradient"),
    "fallline.interpretation": ("Interpretation", "interpret"),
    "fallline.layers": ("BatchNorm", "Dense", "Dropout", "Heads", "LayerNorm", "Maxout", "PReLU", "SharedDense"),
    "fallline.losses": (
        "AbsoluteError",
        "BinaryCrossEntropy",
        "BinnedCrossEntropy",
        "Focal",
        "Hinge",
        "Huber",
        "Poisson",
        "Quantile",
        "SoftmaxCrossEntropy",
        "SquaredError",
        "Tempered",
    ),
    "fallline.methods": ("ARS", "BRS", "CMAES", "SPSA", "FiniteDifference", "Method", "OpenAIES", "WithoutGradient"),
    "fallline.models": ("MLP", "Network", "TabM"),
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
    "fallline.population": ("Population", "evaluate"),
    "fallline.searching.nested": ("nested",),
    "fallline.searching.nested_scores": ("Nested",),
    "fallline.searching.budget": ("Budget", "Validation"),
    "fallline.searching.search": ("search",),
    "fallline.searching.study": ("Study",),
    "fallline.searching.trial": ("Trial",),
    "fallline.report.page": ("write_report",),
    "fallline.scalers": (
        "PCA",
        "MinMax",
        "Pixels",
        "QuantileNormal",
        "Robust",
        "SmoothClip",
        "Standardise",
        "Unscaled",
        "Whiten",
    ),
    "fallline.schedules": ("Constant", "Cosine", "OneCycle", "ReduceOnPlateau"),
    "fallline.serving": ("Served", "load_served"),
    "fallline.streams.stream": ("Stream", "scan"),
    "fallline.strategies": (
        "TPE",
        "CoarseToFine",
        "Grid",
        "Halving",
        "OptunaSampler",
        "Random",
        "Sobol",
        "Space",
        "Strategy",
        "TrialHistory",
        "space_from",
    ),
    "fallline.training.model_file": ("load_predictor",),
    "fallline.training.usual": ("usual_recipe",),
    "fallline.training.predictor": ("Predictor",),
    "fallline.training.recipe": ("Recipe",),
    "fallline.training.ensemble": ("Ensemble",),
    "fallline.training.run": ("Moment", "Run"),
}
_FAMILIES = (
    "activations",
    "callbacks",
    "diagnosis",
    "distributions",
    "encodings",
    "gradients",
    "initializers",
    "interpretation",
    "lab",
    "layers",
    "losses",
    "methods",
    "metrics",
    "models",
    "optimizers",
    "penalties",
    "probes",
    "scalers",
    "schedules",
    "strategies",
    "surfaces",
    "testing",
)
_WHERE = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_WHERE)


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
