"""scikit-learn's face of the run and of the population: they translate, and decide nothing."""

from fallline.estimators.classifier import MLPClassifier as MLPClassifier
from fallline.estimators.regressor import MLPRegressor as MLPRegressor
