"""A run on a stream is the run in memory, cut into windows: the same steps, judged and kept alike, resumed to the bit."""

import itertools

import jax
import numpy as np
import polars as pl
import pytest
from tests.streams.conftest import folder, little, made, own_cache, short  # noqa: F401  (fixtures)

import fallline as fl
from fallline.core.checkpoints import NAME
from fallline.data.prediction import encode_labelled
from fallline.data.sheet import Sheet
from fallline.streams.windows import ahead, block_order, window_counts, windows
from fallline.training.checkpoint import PREVIOUS
from fallline.training.stream_predictions import evaluate_stream
from fallline.training.stream_scores import StreamAnswers
from fallline.training.streamed import train_stream

SMALL = fl.Recipe(model=fl.MLP(hidden=(4,), dropout=0.1), encoding=None, epochs=2, patience=None, batch_size=16)


@pytest.fixture
def stream(folder, short):  # noqa: F811
    """1,200 rows in 12 blocks, of which 200 training rows are in the sample."""
    return fl.scan(folder, "y")


def leaves(tree):
    return [np.asarray(jax.random.key_data(each) if each.dtype.name.startswith("key") else each)
            for each in jax.tree.leaves(tree)]  # fmt: skip


def same(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(leaves(one), leaves(other), strict=True))


@pytest.mark.parametrize(
    "recipe",
    [
        fl.Recipe(epochs=2, batch_size=32),
        fl.replace(SMALL, {"shuffle": False, "optimizer": fl.SGD(0.1), "class_weight": "balanced"}),
    ],
)
def test_one_window_is_the_run_in_memory_to_the_bit(folder, recipe):  # noqa: F811
    stream = fl.scan(folder, "y")
    memory, run = fl.train(recipe, stream, seed=3), train_stream(recipe, stream, seed=3)
    assert type(memory) is fl.Run
    assert run.recipe == memory.recipe
    assert same(run.state, memory.state)
    assert same(run.history.columns, memory.history.columns)
    assert run.metrics["test"] == memory.metrics["test"]
    assert run.rows(run.data) == memory.rows(memory.data)
    assert run.model.seen.train.tolist() == memory.model.seen.train.tolist()


def test_every_row_trains_once_in_an_epoch_and_in_another_order(stream):
    target, rows = stream.schema.target, 96
    whole = stream.table().dataset
    wanted = np.sort(whole.x[whole.train, 0])
    orders = []
    for epoch in range(2):
        order = block_order(stream, (0, 7), epoch, True)
        found = list(windows(stream, target, order, rows))
        assert [each.count for each in found] == window_counts(len(wanted), rows)
        orders.append(np.concatenate([each.x[: each.count, 0] for each in found]))
        late = list(ahead(lambda order=order: windows(stream, target, order, rows, 3)))
        assert all(
            np.array_equal(a.x, b.x, equal_nan=True) and a.number == b.number
            for a, b in zip(found[3:], late, strict=True)
        )
    assert all(np.array_equal(np.sort(each), wanted) for each in orders)
    assert not np.array_equal(*orders)


def test_a_run_that_is_killed_between_any_windows_is_resumed_to_the_bit(stream, tmp_path):
    whole = train_stream(SMALL, stream, rows=256, probes=())
    total = 2 * len(window_counts(stream.counts["train"], 256))

    class Killed(BaseException):
        pass

    for last in range(1, total):
        home, calls = tmp_path / f"run{last}", itertools.count(1)

        def watch(moment, calls=calls, last=last):
            if next(calls) > last:
                raise Killed

        watch.within_epochs = True
        with pytest.raises(Killed):
            train_stream(SMALL, stream, rows=256, probes=(), watch=watch, folder=home, checkpoint_seconds=0)
        run = train_stream(SMALL, stream, rows=256, probes=(), folder=home, resume=True)
        assert same(run.state, whole.state)
        assert same(run.history.columns, whole.history.columns)


def test_a_damaged_checkpoint_is_replaced_by_the_one_before_it(stream, tmp_path):
    whole = train_stream(SMALL, stream, rows=256)
    calls = itertools.count(1)

    def watch(moment):
        return next(calls) > 2

    watch.within_epochs = True
    run = train_stream(SMALL, stream, rows=256, folder=tmp_path, checkpoint_seconds=0, watch=watch)
    assert (run.outcome, len(run.history)) == (fl.Outcome.STOPPED, 0)
    assert (tmp_path / PREVIOUS).is_file()
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes()[:-9])
    again = train_stream(SMALL, stream, rows=256, folder=tmp_path, resume=True)
    assert same(again.state, whole.state)
    assert any("is damaged" in each and "the one before it is used" in each for each in again.notes)
    for change, words in (({"rows": 128}, "another memory"), ({"seed": 1}, "another seed")):
        train_stream(SMALL, stream, rows=256, folder=tmp_path, checkpoint_seconds=0, watch=None, resume=False)
        with pytest.raises(fl.FalllineError, match=words):
            train_stream(SMALL, stream, **{"rows": 256, **change}, folder=tmp_path, resume=True)


def test_files_may_go_when_the_cache_holds_their_blocks(stream, folder):  # noqa: F811
    assert stream.counts
    before = train_stream(SMALL, stream, rows=256)
    for path in folder.iterdir():
        path.unlink()
    assert same(train_stream(SMALL, stream, rows=256).state, before.state)


def test_a_file_that_changes_within_a_run_without_a_cache_ends_it_in_one_sentence(folder, short):  # noqa: F811
    stream = fl.scan(folder, "y", cache=0)

    def watch(moment):
        made(400, seed=8).write_parquet(folder / "2.parquet")

    with pytest.raises(fl.FalllineError, match=r"2\.parquet has changed since it was scanned"):
        train_stream(SMALL, stream, rows=256, watch=watch)


def test_a_stream_beyond_its_memory_learns_as_well_as_in_memory(folder, short, little):  # noqa: F811
    stream = fl.scan(folder, "y", memory="1GB")
    assert not stream.fits
    recipe = fl.replace(SMALL, {"epochs": 12, "class_weight": "balanced"})
    run = fl.train(recipe, stream)
    counts = stream.collected.classes
    weights = dict(run.recipe.class_weight)
    assert weights["yes"] == pytest.approx(counts.sum() / (2 * counts[1]))
    assert run.metrics["test"]["accuracy"] > 0.8
    assert any("quantiles of the inputs are those of 200 of" in each for each in run.notes)
    assert run.rows(run.data) == stream.counts
    assert len(run.data.dataset.train) == 200
    with pytest.raises(fl.FalllineError, match="do not fit into 1 GB"):
        stream.table()


def test_a_regression_on_a_stream(folder, short, little):  # noqa: F811
    stream = fl.scan(folder, "a", memory="1GB")
    run = fl.train(fl.replace(SMALL, {"epochs": 10, "calibrate": "none"}), stream)
    held = fl.scan(folder, "a", memory="2GB").table().dataset
    errors = run.model.answer(held.x[held.test])[0] - held.given[held.test]
    assert run.metrics["test"]["rmse"] == pytest.approx(float(np.sqrt(np.mean(errors**2))), rel=1e-6)
    assert run.state.target_scaling["mean"][0] == pytest.approx(held.given[held.train].mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"optimizer": fl.LBFGS()}, "optimizer 'lbfgs' needs all training rows at every step"),
        ({"batch_size": "all"}, "batch_size 'all' needs all training rows"),
        ({"batch_size": 500}, "batch_size = 500 is too large for a stream"),
        ({"loss": fl.SquaredError()}, "the target makes this a classification"),
    ],
)
def test_recipes_that_need_all_rows_are_refused(folder, short, little, change, words):  # noqa: F811
    stream = fl.scan(folder, "y", memory="1GB")
    recipe = fl.replace(fl.replace(SMALL, {"batch_size": None}), change)
    with pytest.raises(fl.FalllineError, match=words):
        fl.train(recipe, stream)
    with pytest.raises(fl.FalllineError, match="several networks are trained in memory"):
        fl.train(SMALL, stream, members=2)


def test_answers_that_do_not_fit_are_thinned_out(folder, monkeypatch):  # noqa: F811
    stream = fl.scan(folder, "y", memory="1GB")
    model = fl.train(SMALL, stream).model
    whole, _, rows = evaluate_stream(model, stream, [])
    monkeypatch.setattr("fallline.training.stream_predictions.most_answers", lambda model, stream: 700)
    remarks = []
    some, _, again = evaluate_stream(model, stream, remarks)
    assert rows == again == 1200
    assert remarks == ["the metrics are those of 600 of 1,200 rows: their answers fit into the memory"]
    answers = StreamAnswers(model)
    for _, frame in stream.frames():
        x, y = encode_labelled(Sheet(frame, stream.separator), model.schema, "", [])
        answers.add(x[::2], y[::2])  # files have an even number of rows
    assert some == answers.metrics() != whole


def test_a_model_answers_for_a_stream_as_for_a_table(folder, tmp_path):  # noqa: F811
    stream = fl.scan(folder, "y")
    model = fl.train(SMALL, stream).model
    whole = pl.read_parquet(folder / "*.parquet")
    assert model.predict(stream).tolist() == model.predict(whole).tolist()
    assert model.predict(fl.scan(folder), probabilities=True).equals(model.predict(whole, probabilities=True))
