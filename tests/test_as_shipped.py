"""What depends on how XLA compiles, once more as users have it: `conftest.py` compiles the other tests without optimising.

Bits that must be the same, lanes beside their runs, and numbers of others, on every path that trains or predicts. The
commands' tests start processes of their own, which are as shipped anyway; `XLA_FLAGS= pytest` runs everything so.
"""

import os
import subprocess
import sys
from pathlib import Path

PATHS = [
    "training/test_train.py::test_chunks_do_not_change_bits",
    "training/test_train.py::test_a_run_that_diverges_late_keeps_its_best_weights",
    "training/test_checkpoint.py::test_a_resumed_run_has_the_bits_of_an_uninterrupted_one",
    "training/test_remembered.py::test_a_step_takes_one_evaluation_and_the_history_says_so",
    "training/test_step.py::test_steps_of_batch_descent_are_those_of_numpy",
    "training/test_predictor.py::test_predictions_of_a_subset_are_the_subset_of_predictions_to_the_bit",
    "optimizers/test_known.py::test_a_descent_takes_as_many_evaluations_as_scipys[10]",
    "population/test_evaluate.py::test_lane_equals_the_run_alone_to_rounding[4-{}]",
    "population/test_evaluate.py::test_a_diverging_lane_changes_no_bit_of_another",
    "population/test_evaluate.py::test_permuting_lanes_permutes_results_to_the_bit",
    "population/test_evaluate.py::test_lanes_that_only_fill_change_nothing",
    "estimators/test_against_sklearn.py::test_several_classes_and_minibatches_in_the_rows_own_order",
    "onnx/test_export.py::test_arrays_have_one_input",
    "core/test_random.py::test_uniform_and_normal_have_their_moments_and_distribution[(250000, 4)]",
    "blocks/test_activations.py",
]


def test_as_shipped():
    tests = Path(__file__).parent
    words = [sys.executable, "-m", "pytest", "-n", "0", *(f"{tests}/{each}" for each in PATHS)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "XLA_FLAGS": ""}, cwd=tests.parent)
    assert done.returncode == 0, done.stdout
