"""What type checkers see of `fallline`; written by `benchmarks/stub.py` from the table in `__init__.py`."""

from typing import Any

from fallline import activations as activations
from fallline import callbacks as callbacks
from fallline import diagnosis as diagnosis
from fallline import distributions as distributions
from fallline import encodings as encodings
from fallline import gradients as gradients
from fallline import initializers as initializers
from fallline import interpretation as interpretation
from fallline import lab as lab
from fallline import layers as layers
from fallline import losses as losses
from fallline import methods as methods
from fallline import metrics as metrics
from fallline import models as models
from fallline import optimizers as optimizers
from fallline import penalties as penalties
from fallline import probes as probes
from fallline import scalers as scalers
from fallline import schedules as schedules
from fallline import strategies as strategies
from fallline import surfaces as surfaces
from fallline import testing as testing
from fallline._version import __version__ as __version__
from fallline.activations import ELU as ELU
from fallline.activations import GELU as GELU
from fallline.activations import Identity as Identity
from fallline.activations import LeakyReLU as LeakyReLU
from fallline.activations import ReLU as ReLU
from fallline.activations import Sigmoid as Sigmoid
from fallline.activations import SiLU as SiLU
from fallline.activations import Softplus as Softplus
from fallline.activations import Tanh as Tanh
from fallline.blackbox import Optimum as Optimum
from fallline.blackbox import Polished as Polished
from fallline.blackbox import minimize as minimize
from fallline.blackbox import polish as polish
from fallline.callbacks import Callback as Callback
from fallline.callbacks import MLflow as MLflow
from fallline.callbacks import TensorBoard as TensorBoard
from fallline.checking import RecipeCheck as RecipeCheck
from fallline.checking import check_recipe as check_recipe
from fallline.control.policies import LinearPolicy as LinearPolicy
from fallline.control.policies import MLPPolicy as MLPPolicy
from fallline.control.policy import TrainedPolicy as TrainedPolicy
from fallline.control.policy import load_policy as load_policy
from fallline.control.recipe import PolicyRecipe as PolicyRecipe
from fallline.control.search import train_policy as train_policy
from fallline.core.block import Block as Block
from fallline.core.block import get as get
from fallline.core.block import replace as replace
from fallline.core.block import walk as walk
from fallline.core.driving import Progress as Progress
from fallline.core.errors import FalllineError as FalllineError
from fallline.core.field import number as number
from fallline.core.field import part as part
from fallline.core.field import required as required
from fallline.core.field import structure as structure
from fallline.core.outcome import Outcome as Outcome
from fallline.core.schedule import Schedule as Schedule
from fallline.core.schedule import Time as Time
from fallline.data.table import Table as Table
from fallline.data.table import load as load
from fallline.diagnosis import Diagnosis as Diagnosis
from fallline.diagnosis import Finding as Finding
from fallline.distributions import Choice as _Choice
from fallline.distributions import Integer as _Integer
from fallline.distributions import LogInteger as _LogInteger
from fallline.distributions import LogNormal as _LogNormal
from fallline.distributions import LogUniform as _LogUniform
from fallline.distributions import Normal as _Normal
from fallline.distributions import Quantised as _Quantised
from fallline.distributions import Uniform as _Uniform
from fallline.doctor import diagnose as diagnose
from fallline.doctor import fork as fork
from fallline.encodings import AutoEncoding as AutoEncoding
from fallline.encodings import Encodings as Encodings
from fallline.encodings import InputScales as InputScales
from fallline.encodings import Periodic as Periodic
from fallline.encodings import PiecewiseEmbedding as PiecewiseEmbedding
from fallline.encodings import PiecewiseLinear as PiecewiseLinear
from fallline.ensembles.run import EnsembleRun as EnsembleRun
from fallline.ensembles.train import train as train
from fallline.estimators import MLPClassifier as MLPClassifier
from fallline.estimators import MLPRegressor as MLPRegressor
from fallline.estimators import PopulationSearchCV as PopulationSearchCV
from fallline.estimators import to_fallline as to_fallline
from fallline.gradients import GradientCheck as GradientCheck
from fallline.gradients import check_gradient as check_gradient
from fallline.gradients import numerical_gradient as numerical_gradient
from fallline.interpretation import Interpretation as Interpretation
from fallline.interpretation import interpret as interpret
from fallline.layers import BatchNorm as BatchNorm
from fallline.layers import Dense as Dense
from fallline.layers import Dropout as Dropout
from fallline.layers import Heads as Heads
from fallline.layers import LayerNorm as LayerNorm
from fallline.layers import Maxout as Maxout
from fallline.layers import PReLU as PReLU
from fallline.layers import SharedDense as SharedDense
from fallline.losses import AbsoluteError as AbsoluteError
from fallline.losses import BinaryCrossEntropy as BinaryCrossEntropy
from fallline.losses import BinnedCrossEntropy as BinnedCrossEntropy
from fallline.losses import Focal as Focal
from fallline.losses import Hinge as Hinge
from fallline.losses import Huber as Huber
from fallline.losses import Poisson as Poisson
from fallline.losses import Quantile as Quantile
from fallline.losses import SoftmaxCrossEntropy as SoftmaxCrossEntropy
from fallline.losses import SquaredError as SquaredError
from fallline.losses import Tempered as Tempered
from fallline.methods import ARS as ARS
from fallline.methods import BRS as BRS
from fallline.methods import CMAES as CMAES
from fallline.methods import SPSA as SPSA
from fallline.methods import FiniteDifference as FiniteDifference
from fallline.methods import Method as Method
from fallline.methods import OpenAIES as OpenAIES
from fallline.methods import WithoutGradient as WithoutGradient
from fallline.models import MLP as MLP
from fallline.models import Network as Network
from fallline.models import TabM as TabM
from fallline.onnx.export import to_onnx as to_onnx
from fallline.optimizers import LBFGS as LBFGS
from fallline.optimizers import SGD as SGD
from fallline.optimizers import Adadelta as Adadelta
from fallline.optimizers import AdaGrad as AdaGrad
from fallline.optimizers import Adam as Adam
from fallline.optimizers import AdamW as AdamW
from fallline.optimizers import AveragedMomentum as AveragedMomentum
from fallline.optimizers import Momentum as Momentum
from fallline.optimizers import Nadam as Nadam
from fallline.optimizers import Nesterov as Nesterov
from fallline.optimizers import Newton as Newton
from fallline.optimizers import Optimizer as Optimizer
from fallline.optimizers import RMSProp as RMSProp
from fallline.optimizers import Rprop as Rprop
from fallline.penalties import L1 as L1
from fallline.penalties import L2 as L2
from fallline.penalties import ElasticNet as ElasticNet
from fallline.penalties import MaxNorm as MaxNorm
from fallline.population import Population as Population
from fallline.population import evaluate as evaluate
from fallline.report.page import write_report as write_report
from fallline.scalers import PCA as PCA
from fallline.scalers import MinMax as MinMax
from fallline.scalers import Pixels as Pixels
from fallline.scalers import QuantileNormal as QuantileNormal
from fallline.scalers import Robust as Robust
from fallline.scalers import SmoothClip as SmoothClip
from fallline.scalers import Standardise as Standardise
from fallline.scalers import Unscaled as Unscaled
from fallline.scalers import Whiten as Whiten
from fallline.schedules import Constant as Constant
from fallline.schedules import Cosine as Cosine
from fallline.schedules import OneCycle as OneCycle
from fallline.schedules import ReduceOnPlateau as ReduceOnPlateau
from fallline.searching.budget import Budget as Budget
from fallline.searching.budget import Validation as Validation
from fallline.searching.nested import nested as nested
from fallline.searching.nested_scores import Nested as Nested
from fallline.searching.search import search as search
from fallline.searching.study import Study as Study
from fallline.searching.trial import Trial as Trial
from fallline.serving import Served as Served
from fallline.serving import load_served as load_served
from fallline.strategies import TPE as TPE
from fallline.strategies import CoarseToFine as CoarseToFine
from fallline.strategies import Grid as Grid
from fallline.strategies import Halving as Halving
from fallline.strategies import OptunaSampler as OptunaSampler
from fallline.strategies import Random as Random
from fallline.strategies import Sobol as Sobol
from fallline.strategies import Space as Space
from fallline.strategies import Strategy as Strategy
from fallline.strategies import TrialHistory as TrialHistory
from fallline.strategies import space_from as space_from
from fallline.streams.stream import Stream as Stream
from fallline.streams.stream import scan as scan
from fallline.training.ensemble import Ensemble as Ensemble
from fallline.training.model_file import load_predictor as load_predictor
from fallline.training.predictor import Predictor as Predictor
from fallline.training.recipe import Recipe as Recipe
from fallline.training.run import Moment as Moment
from fallline.training.run import Run as Run
from fallline.training.usual import usual_recipe as usual_recipe

__all__ = [
    "ARS",
    "BRS",
    "CMAES",
    "ELU",
    "GELU",
    "L1",
    "L2",
    "LBFGS",
    "MLP",
    "PCA",
    "SGD",
    "SPSA",
    "TPE",
    "AbsoluteError",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "AutoEncoding",
    "AveragedMomentum",
    "BatchNorm",
    "BinaryCrossEntropy",
    "BinnedCrossEntropy",
    "Block",
    "Budget",
    "Callback",
    "Choice",
    "CoarseToFine",
    "Constant",
    "Cosine",
    "Dense",
    "Diagnosis",
    "Dropout",
    "ElasticNet",
    "Encodings",
    "Ensemble",
    "EnsembleRun",
    "FalllineError",
    "Finding",
    "FiniteDifference",
    "Focal",
    "GradientCheck",
    "Grid",
    "Halving",
    "Heads",
    "Hinge",
    "Huber",
    "Identity",
    "InputScales",
    "Integer",
    "Interpretation",
    "LayerNorm",
    "LeakyReLU",
    "LinearPolicy",
    "LogInteger",
    "LogNormal",
    "LogUniform",
    "MLPClassifier",
    "MLPPolicy",
    "MLPRegressor",
    "MLflow",
    "MaxNorm",
    "Maxout",
    "Method",
    "MinMax",
    "Moment",
    "Momentum",
    "Nadam",
    "Nested",
    "Nesterov",
    "Network",
    "Newton",
    "Normal",
    "OneCycle",
    "OpenAIES",
    "Optimizer",
    "Optimum",
    "OptunaSampler",
    "Outcome",
    "PReLU",
    "Periodic",
    "PiecewiseEmbedding",
    "PiecewiseLinear",
    "Pixels",
    "Poisson",
    "PolicyRecipe",
    "Polished",
    "Population",
    "PopulationSearchCV",
    "Predictor",
    "Progress",
    "Quantile",
    "QuantileNormal",
    "Quantised",
    "RMSProp",
    "Random",
    "ReLU",
    "Recipe",
    "RecipeCheck",
    "ReduceOnPlateau",
    "Robust",
    "Rprop",
    "Run",
    "Schedule",
    "Served",
    "SharedDense",
    "SiLU",
    "Sigmoid",
    "SmoothClip",
    "Sobol",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Space",
    "SquaredError",
    "Standardise",
    "Strategy",
    "Stream",
    "Study",
    "TabM",
    "Table",
    "Tanh",
    "Tempered",
    "TensorBoard",
    "Time",
    "TrainedPolicy",
    "Trial",
    "TrialHistory",
    "Uniform",
    "Unscaled",
    "Validation",
    "Whiten",
    "WithoutGradient",
    "check_gradient",
    "check_recipe",
    "diagnose",
    "evaluate",
    "fork",
    "get",
    "interpret",
    "load",
    "load_policy",
    "load_predictor",
    "load_served",
    "minimize",
    "nested",
    "number",
    "numerical_gradient",
    "part",
    "polish",
    "replace",
    "required",
    "scan",
    "search",
    "space_from",
    "structure",
    "to_fallline",
    "to_onnx",
    "train",
    "train_policy",
    "usual_recipe",
    "walk",
    "write_report",
]

# A distribution may stand in any field, so that a checker must take it for a value of any type.
class Choice(_Choice, init=False):
    def __new__(cls, options: tuple[Any, ...] | list[Any]) -> Any: ...

class Integer(_Integer, init=False):
    def __new__(cls, low: int, high: int) -> Any: ...

class LogInteger(_LogInteger, init=False):
    def __new__(cls, low: int, high: int) -> Any: ...

class LogNormal(_LogNormal, init=False):
    def __new__(cls, median: float, deviation: float, low: float | None = ..., high: float | None = ...) -> Any: ...

class LogUniform(_LogUniform, init=False):
    def __new__(cls, low: float, high: float) -> Any: ...

class Normal(_Normal, init=False):
    def __new__(cls, mean: float, deviation: float, low: float | None = ..., high: float | None = ...) -> Any: ...

class Quantised(_Quantised, init=False):
    def __new__(cls, distribution: Any, step: float) -> Any: ...

class Uniform(_Uniform, init=False):
    def __new__(cls, low: float, high: float) -> Any: ...
