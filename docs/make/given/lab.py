"""What the lab's page takes for granted: a run and another one, and a file."""

import subprocess
import sys

from sklearn.datasets import load_diabetes

load_diabetes(as_frame=True).frame.rename(columns={"target": "price"}).to_csv("data.csv", index=False)
for seed in (0, 1):
    words = [sys.executable, "-m", "fallline", "train", "sklearn:iris", "--epochs", "5", "--seed", str(seed)]
    subprocess.run([*words, "--out", f"run{seed}"], check=True, capture_output=True)
PLACES = {"RUN": "run0", "OTHER": "run1"}
SKIPPED = (
    "compare data.csv",
    "trainability",
    "compare sklearn",
    "--learning-rate find",
)  # minutes; the lab's tests run them
