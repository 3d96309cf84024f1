import numpy as np
import pytest

import fallline as fl
from fallline.core.tensor_files import load_tensors, save_tensors
from fallline.training.checkpoint import NAME, PREVIOUS, remove_checkpoints


class KilledError(Exception):
    pass


@pytest.fixture
def killed(flowers, whole, tmp_path, monkeypatch):
    """A folder as a run leaves it that dies after 33 of 40 epochs, with checkpoints of the two before."""
    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)

    def die(moment):
        if moment.epoch >= 33:
            raise KilledError

    with pytest.raises(KilledError):
        fl.train(whole, flowers, seed=6, folder=tmp_path, checkpoint_seconds=0.0, watch=die)
    assert {each.name for each in tmp_path.iterdir()} == {NAME, PREVIOUS}
    return tmp_path


def resumed(whole, flowers, folder, **options):
    epochs = []
    run = fl.train(
        whole,
        flowers,
        **{"seed": 6, "folder": folder, "resume": True, **options},
        watch=lambda m: epochs.append(m.epoch),
    )
    return run, epochs[0] if epochs else None


def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(flowers, whole, killed, same):
    straight = fl.train(whole, flowers, seed=6)
    run, first = resumed(whole, flowers, killed)
    assert first > 1, "nothing was resumed"
    assert run.notes == ()
    assert same(run.state, straight.state)
    assert same(run.history.columns, straight.history.columns)
    assert same(run.model.arrays, straight.model.arrays)
    assert run.metrics == straight.metrics


def flip(path):
    content = bytearray(path.read_bytes())
    content[-9] ^= 16
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip, truncate, empty])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(flowers, whole, killed, same, damage):
    damage(killed / NAME)
    run, _ = resumed(whole, flowers, killed)
    (note,) = run.notes
    assert str(killed / NAME) in note
    assert "damaged" in note
    assert "the one before it is used" in note
    assert same(run.state, fl.train(whole, flowers, seed=6).state)


def test_with_both_damaged_the_run_starts_again_and_says_so(flowers, whole, killed, same):
    flip(killed / NAME)
    truncate(killed / PREVIOUS)
    run, first = resumed(whole, flowers, killed)
    assert first == 1
    assert [str(killed / name) in note for name, note in zip((NAME, PREVIOUS), run.notes, strict=True)] == [True, True]
    assert same(run.state, fl.train(whole, flowers, seed=6).state)


def test_killed_between_the_two_renames_the_previous_one_is_used(flowers, whole, killed, same):
    (killed / NAME).unlink()
    run, _ = resumed(whole, flowers, killed)
    assert run.notes == ()
    assert same(run.state, fl.train(whole, flowers, seed=6).state)


def test_a_checkpoint_of_an_earlier_version_lacks_the_objectives_unit(flowers, whole, killed, same):
    for name in (NAME, PREVIOUS):
        arrays, described = load_tensors(killed / name, "checkpoint")
        del arrays["state/unit"]
        save_tensors(killed / name, arrays, described)
    run, first = resumed(whole, flowers, killed)
    assert (run.notes, first > 1) == ((), True)
    assert same(run.model.arrays, fl.train(whole, flowers, seed=6).model.arrays)


@pytest.mark.parametrize("unit", [0.0, np.inf, np.nan])
def test_a_unit_that_no_run_has_is_damage(flowers, whole, killed, same, unit):
    arrays, described = load_tensors(killed / NAME, "checkpoint")
    save_tensors(killed / NAME, {**arrays, "state/unit": np.float32(unit)}, described)
    run, _ = resumed(whole, flowers, killed)
    assert "the unit of its objective is" in run.notes[0]
    assert same(run.state, fl.train(whole, flowers, seed=6).state)


def test_a_checkpoint_continues_its_own_run_only(flowers, prices, whole, killed):
    wider = fl.replace(whole, {"model.hidden": (7,)})
    faster = fl.replace(whole, {"optimizer.learning_rate.peak": 0.031})
    shuffled = fl.Table.from_arrays(flowers.dataset.x, flowers.dataset.y, seed=9)
    for recipe, data, options, what in (
        (whole, flowers, {"seed": 7}, "seed"),
        (faster, flowers, {}, "recipe"),
        (wider, flowers, {}, "recipe"),
        (whole, shuffled, {}, "data"),
    ):
        with pytest.raises(fl.FalllineError, match=f"belongs to another {what}: it can only continue"):
            resumed(recipe, data, killed, **options)
    with pytest.raises(fl.FalllineError, match="belongs to another"):
        resumed(whole, prices, killed)


def test_without_a_checkpoint_a_resumed_run_is_a_new_one(flowers, whole, tmp_path, same):
    run, first = resumed(fl.replace(whole, {"epochs": 3}), flowers, tmp_path)
    assert first == 1
    assert same(run.state, fl.train(fl.replace(whole, {"epochs": 3}), flowers, seed=6).state)


def test_checkpoints_are_removed_together_and_twice_without_complaint(killed):
    for _ in range(2):
        remove_checkpoints(killed)
        assert list(killed.iterdir()) == []
