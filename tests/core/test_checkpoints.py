import numpy as np
import pytest

from fallline.core.checkpoints import check_description, remove_files, tree_of
from fallline.core.errors import FalllineError


def test_only_the_work_that_wrote_a_checkpoint_continues_it():
    check_description({"seed": 1, "kind": "run"}, {"seed": 1}, "checkpoint 'a'", "start anew")
    for described in ({"seed": 2}, {}):
        with pytest.raises(FalllineError, match="checkpoint 'a' belongs to another seed: start anew"):
            check_description(described, {"seed": 1}, "checkpoint 'a'", "start anew")


def test_arrays_that_do_not_fit_are_damage():
    like = {"w": np.zeros((2, 3), np.float32)}
    np.testing.assert_array_equal(tree_of({"w": np.ones((2, 3), np.float32)}, like, "a", "b")["w"], np.ones((2, 3)))
    for arrays in ({}, {"w": np.zeros((3, 2), np.float32)}, {"w": np.zeros((2, 3))}):
        with pytest.raises(FalllineError, match=r"'a' is damaged: array 'w'.*; use another"):
            tree_of(arrays, like, "'a'", "use another")


def test_files_that_are_not_there_are_no_fault(tmp_path):
    (tmp_path / "one").write_bytes(b"")
    (tmp_path / "kept").write_bytes(b"")
    remove_files(tmp_path, "one", "two")
    remove_files(tmp_path / "no folder", "one")
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
