#!/usr/bin/env bash
# mlflow-skinny 3.17.2 (SQLAlchemy 2.1.9): a database keeps an infinite metric as the largest finite double.
# One would expect the value that was logged. NaN comes back as NaN, but +inf comes back as 1.7976931348623157e+308 and -inf as
# its negative, without a warning. `math.isinf` and `np.isfinite` then call a diverged training sound, a mean over runs is
# finite until two such values are added, and the search language has no word for infinity.
# A second metric or a tag that says that a run diverged survives; so does NaN in the place of infinity.
# Observed: history [1.0, 1.797e+308, -1.797e+308, nan, 2.0] for the logged values 1, inf, -inf, nan, 2.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    "mlflow-skinny==3.17.2" "sqlalchemy==2.1.9" "alembic<2"
FOLDER="$folder" "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import logging
import math
import os
import sys

logging.disable(logging.INFO)
import mlflow
from mlflow.tracking import MlflowClient

client = MlflowClient(f"sqlite:///{os.environ['FOLDER']}/runs.db")
run = client.create_run(client.create_experiment("diverging")).info.run_id
for step, value in enumerate([1.0, math.inf, -math.inf, math.nan, 2.0]):
    client.log_metric(run, "loss", value, step=step)
found = [each.value for each in client.get_metric_history(run, "loss")]
print("mlflow", mlflow.__version__, "history:", found)
assert found[0] == 1.0 and found[4] == 2.0
assert math.isnan(found[3])
assert found[1] == sys.float_info.max and found[2] == -sys.float_info.max, "infinity comes back as infinity now"
assert all(math.isfinite(each) for each in found if not math.isnan(each))
PYTHON
