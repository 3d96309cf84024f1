#!/usr/bin/env bash
# scikit-learn 1.9.1: MLPClassifier and MLPRegressor divide sample weights by their sum in every minibatch.
# One would expect a row of weight 3 to count three times as much as a row of weight 1, whichever rows it meets. Each minibatch
# is normalised by itself, however: the loss and the gradient are divided by the sum of the weights in it. So the weights only
# compare the rows of one minibatch. With batch_size=1 they have no effect: weights of 1000 and 0.001 give the same network. With
# small batches their effect is compressed, and the fitted mean lies between the unweighted one and the weighted one.
# With batch_size equal to the number of rows they act as expected. Nothing warns.
# Observed, for a target of 1 (weight 9) and 0 (weight 1), half of the rows each, where the weighted mean is 0.9:
# batch_size 1 fits 0.50, batch_size 2 about 0.70, all rows 0.90.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "scikit-learn==1.9.1" "numpy>=2,<3"
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPRegressor

warnings.simplefilter("ignore")  # the fits are short
rows = 400
x = np.zeros((rows, 1))  # nothing to learn from: the network can only fit the mean
y = np.arange(rows) % 2.0
weight = np.where(y == 1, 9.0, 1.0)


def fitted(batch_size, sample_weight):
    settings = dict(solver="sgd", momentum=0.0, learning_rate_init=0.02, alpha=0.0, random_state=0, tol=0.0, max_iter=60)
    model = MLPRegressor(hidden_layer_sizes=(1,), batch_size=batch_size, n_iter_no_change=1000, **settings)
    if batch_size == rows:
        model.set_params(learning_rate_init=0.5, max_iter=400)
    return model.fit(x, y, sample_weight=sample_weight)


def answer(model):
    return float(model.predict(x[:1])[0])


found = {size: answer(fitted(size, weight)) for size in (1, 2, rows)}
same = fitted(1, None), fitted(1, np.where(y == 1, 1000.0, 0.001))
equal = all(np.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(same[0].coefs_, same[1].coefs_))
print("scikit-learn", sklearn.__version__, {size: round(each, 2) for size, each in found.items()}, "equal:", equal)
assert equal, "weights have an effect with batch_size=1 now"
assert abs(found[1] - 0.5) < 0.05, "batch_size=1 no longer fits the unweighted mean"
assert abs(found[2] - 0.7) < 0.06, "batch_size=2 no longer compresses the weights"
assert abs(found[rows] - 0.9) < 0.02, "all rows in one batch no longer fit the weighted mean"
PYTHON
