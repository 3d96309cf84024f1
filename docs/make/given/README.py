"""What the README takes for granted: rows, and a module of scipy."""

from scipy.stats import loguniform  # noqa: F401
from sklearn.datasets import load_breast_cancer

X, y = load_breast_cancer(return_X_y=True)
frame = load_breast_cancer(as_frame=True).data
PLACES: dict[str, str] = {}
