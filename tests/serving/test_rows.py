"""What a person hands to a trained model right after training."""

import pandas
import polars as pl
import pytest

import fallline as fl
from fallline.data.sources import read
from fallline.serving.predictions import csv_text, save_predictions
from fallline.training.history import load_history

FRAME = pl.DataFrame(
    {
        "size": ["S", "M", "L", "M"] * 15,
        "weight": [1.5, None, 3.0, 2.0] * 15,
        "price": [float(i % 4) for i in range(60)],
        "label": ["=cheap", "-5", "dear", "-x"] * 15,
    }
)


@pytest.fixture(scope="module")
def mixed():
    recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), epochs=30, patience=None, batch_size=8)
    return fl.train(recipe, fl.load(FRAME, "label"))


@pytest.fixture(scope="module")
def binned():
    recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), epochs=2, loss=fl.BinnedCrossEntropy())
    return fl.train(recipe, fl.load(FRAME.drop("label"), "price", task="regression")).model


def test_every_kind_of_rows_gives_the_same_answers(mixed, tmp_path):
    model = mixed.model
    FRAME.write_csv(tmp_path / "t.csv")
    FRAME.write_parquet(tmp_path / "t.parquet")
    wanted = model.predict(model.schema.encode(FRAME)).tolist()
    assert set(wanted) <= {"=cheap", "-5", "dear", "-x"}
    assert len(set(wanted)) > 1
    rows = FRAME.to_dicts()
    forms = [
        FRAME,
        FRAME.lazy(),
        FRAME.drop("label").select("weight", "price", "size"),
        pandas.DataFrame(FRAME.to_dict(as_series=False)),
        tmp_path / "t.csv",
        str(tmp_path / "t.parquet"),
        read(FRAME),
        fl.load(FRAME, "label"),
        fl.load(tmp_path / "t.parquet", "label", test=0.5),
        FRAME.to_dict(as_series=False),
        rows,
    ]
    for each in forms:
        assert model.predict(each).tolist() == wanted, type(each)
    assert [model.predict(row)[0] for row in rows[:4]] == wanted[:4]
    assert model.probabilities(FRAME).shape == (60, 4)


def test_arrays_are_encoded_rows_or_those_of_training(flowers_of):
    flowers = flowers_of(90)
    model = fl.train(fl.Recipe(epochs=3, encoding=None), flowers).model
    x = flowers.dataset.x
    wanted = model.predict(x).tolist()
    assert model.predict(x.astype("float64")).tolist() == wanted
    assert model.predict(x.tolist()).tolist() == wanted
    assert model.predict(flowers).tolist() == wanted
    assert model.predict(pl.DataFrame(x, schema=list(flowers.feature_names))[:, ::-1]).tolist() == wanted


def test_probabilities_and_intervals_are_asked_for(mixed, binned):
    frame = mixed.model.predict(FRAME, probabilities=True)
    assert frame.columns[0] == "label"
    assert len(frame.columns) == 5
    assert frame["label"].to_list() == mixed.model.predict(FRAME).tolist()
    frame = binned.predict(FRAME, interval=0.8)
    assert frame.columns == ["price", "price low", "price high"]
    low, high = binned.interval(FRAME, 0.8)
    assert frame["price low"].to_list() == low[:, 0].tolist()
    assert (low <= high).all()
    with pytest.raises(fl.FalllineError, match="no probabilities"):
        binned.predict(FRAME, probabilities=True)
    with pytest.raises(fl.FalllineError, match="has no interval around its answer"):
        mixed.model.predict(FRAME, interval=0.8)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (None, "rows of type NoneType cannot be predicted"),
        (3.0, "rows of type float"),
        ([["S", 1.0]], "rows of type list"),
        ([[1.0], [2.0, 3.0]], "rows of type list"),
        (FRAME.drop("size"), "lacks the column 'size'"),
        ({"size": "S"}, "lacks the columns 'weight', 'price'"),
        ({"size": ["S", "M"], "weight": [1.0], "price": [1.0, 2.0, 3.0]}, "cannot be made a table"),
        ([[1.0, 2.0]], "the array has 2 columns: expected 3 as in training"),
        ("nowhere.csv", "there is no file nowhere.csv"),
        (fl.Table.from_arrays([[1.0], [2.0], [3.0]] * 4, [0, 1, 2] * 4), "came from memory"),
    ],
)
def test_what_is_no_rows_is_a_sentence(mixed, rows, words):
    with pytest.raises(fl.FalllineError, match=words):
        mixed.model.predict(rows)


def test_the_history_is_a_mapping(mixed, tmp_path):
    history = mixed.history
    names = list(history)
    assert names[:2] == ["epoch", "train_loss"]
    assert "train_loss" in history
    assert "nothing" not in history
    assert history.get("nothing") is None
    assert list(dict(history)) == list(history.keys()) == names
    assert len(history.keys()) == len(history.items()) == len(names)
    assert all(history[name] is column for name, column in history.items())
    frame = history.to_polars()
    assert (frame.columns, len(frame)) == (names, len(history))
    history.save(tmp_path / "h.parquet")
    assert load_history(tmp_path / "h.parquet").to_polars().equals(frame)


def test_a_spreadsheet_runs_no_cell(mixed, tmp_path):
    cells = [
        "=1+1",
        "+x",
        "-x",
        "@a",
        "\ta",
        "\ra",
        "\na",
        "\uff1d1",
        "-5",
        "+4.5e3",
        "-.5",
        "-",
        "yes",
        " =1",
        "",
        None,
    ]
    frame = pl.DataFrame({"=y": cells, "n": [-float(i) for i in range(len(cells))]})
    save_predictions(frame, tmp_path / "p.csv")
    back = pl.read_csv(tmp_path / "p.csv", infer_schema=False)
    assert back.columns == ["'=y", "n"]
    for was, now in zip(cells, back["'=y"].to_list(), strict=True):
        risky = was not in (None, "", "-5", "+4.5e3", "-.5", "yes", " =1")
        assert now == (f"'{was}" if risky else was), was
    assert back["n"][1] == "-1.0"
    save_predictions(frame, tmp_path / "p.parquet")
    assert pl.read_parquet(tmp_path / "p.parquet").equals(frame)  # no spreadsheet reads it
    text = csv_text(mixed.model.predict(FRAME, probabilities=True))
    assert not [line for line in text.splitlines() if line.startswith(("=", "-x"))]
    assert text.splitlines()[1:]
