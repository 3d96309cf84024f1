"""What the doctor's page takes for granted: a file, a run, and its evidence."""

import subprocess
import sys

from sklearn.datasets import load_diabetes

import fallline as fl
from fallline.doctor.case import case_of
from fallline.doctor.diagnose import evidence_of

load_diabetes(as_frame=True).frame.rename(columns={"target": "price"}).to_csv("data.csv", index=False)
recipe, data = fl.Recipe(model=fl.MLP((8,)), encoding=None, epochs=14), fl.load("data.csv", "price")
subprocess.run(
    [sys.executable, "-m", "fallline", "train", "data.csv", "--target", "price"], check=True, capture_output=True
)
run = fl.train(recipe, data)
evidence = evidence_of(case_of(run))
PLACES: dict[str, str] = {}
