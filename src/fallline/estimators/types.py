"""The kinds of values that users of scikit-learn pass to an estimator."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from fallline.activations import Activation
from fallline.core.schedule import Schedule
from fallline.encodings import Encoding
from fallline.losses import Loss
from fallline.optimizers import Optimizer
from fallline.scalers import Scaler

AnyRows: TypeAlias = Any  # rows of inputs: an array, a sparse matrix or a table
Targets: TypeAlias = Any  # one value or several per row: an array, a column or a table
Estimator: TypeAlias = Any  # an object with the arguments of an estimator as attributes
HeldOut: TypeAlias = tuple[AnyRows, Targets, ArrayLike | None] | None  # validation rows, their targets and weights
RandomState: TypeAlias = int | np.random.RandomState | None
Widths: TypeAlias = int | Sequence[int]
AnyActivation: TypeAlias = str | Activation | Callable[[Any], Any]
Solver: TypeAlias = str | Optimizer
AnyLoss: TypeAlias = str | Loss | Callable[[Any, Any], Any]
AnyEncoding: TypeAlias = str | Encoding | None
AnyScaler: TypeAlias = str | Scaler | None
Rate: TypeAlias = str | float | Schedule
Scoring: TypeAlias = str | Callable[..., Any] | None
