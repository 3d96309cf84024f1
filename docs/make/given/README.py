"""What the README takes for granted: rows, a module of scipy, and files with Titanic's columns."""

from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import loguniform  # noqa: F401
from sklearn.datasets import load_breast_cancer

X, y = load_breast_cancer(return_X_y=True)
frame = load_breast_cancer(as_frame=True).data
PLACES: dict[str, str] = {}

_rng = np.random.default_rng(0)
_sex = _rng.choice(["male", "female"], 500)
_rows = pl.DataFrame(
    {
        "PassengerId": range(1, 501),
        "Survived": ((_sex == "female") ^ (_rng.random(500) < 0.2)).astype(int),
        "Pclass": _rng.integers(1, 4, 500),
        "Sex": _sex,
        "Age": _rng.uniform(1, 70, 500).round(),
        "Fare": _rng.lognormal(3, 1, 500).round(2),
    }
)
Path("titanic").mkdir(exist_ok=True)
_rows[:400].write_csv("titanic/train.csv")
_rows[400:].drop("Survived").write_csv("titanic/test.csv")
