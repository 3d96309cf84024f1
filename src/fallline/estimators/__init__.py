"""The scikit-learn interface to runs and populations: it translates, and decides nothing."""

from fallline.estimators.classifier import MLPClassifier as MLPClassifier
from fallline.estimators.convert import to_fallline as to_fallline
from fallline.estimators.regressor import MLPRegressor as MLPRegressor
from fallline.estimators.search import PopulationSearchCV as PopulationSearchCV
