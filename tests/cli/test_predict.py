"""`fallline predict` beside its rows: ids, all columns, a threshold, and what stands in the wrong place."""

import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.cli.main import run as program

ROWS = 80


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        program([str(each) for each in arguments])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder of a binary model, and a CSV with ids, dates and formulas beside the features."""
    folder = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "id": [f"{i:04}" for i in range(ROWS)],
            "a": rng.normal(size=ROWS).round(3),
            "note": ["=1+1", "plain"] * (ROWS // 2),
            "day": [f"2024-07-{1 + i % 28:02}" for i in range(ROWS)],
        }
    ).with_columns(label=pl.when(pl.col("a") > 0).then(pl.lit("yes")).otherwise(pl.lit("no")))
    frame.write_csv(folder / "rows.csv")
    table = fl.load(folder / "rows.csv", "label", kinds={"id": "drop", "note": "drop", "day": "drop"})
    (folder / "run").mkdir()
    (folder / "run" / "recipe.toml").write_text("seed = 0\n")
    fl.train(fl.Recipe(model=fl.MLP(hidden=(4,)), epochs=2), table).model.save(folder / "run" / "model.safetensors")
    return folder / "run", folder / "rows.csv"


def _read(out: str) -> pl.DataFrame:
    return pl.read_csv(io.StringIO(out), infer_schema=False)


def test_ids_stand_first_and_as_they_are_written(run, capsys):
    code, out, _ = call(capsys, "predict", *run, "--id", "id", "--probabilities")
    found = _read(out)
    assert code == 0
    assert found.columns == ["id", "label", "probability no", "probability yes"]
    assert found["id"].to_list() == [f"{i:04}" for i in range(ROWS)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_all_columns_stand_beside_the_predictions(run, tmp_path, capsys, ending):
    out = tmp_path / f"p.{ending}"
    code, text, _ = call(capsys, "predict", *run, "--append", "--id", "day", "--out", out, "--json")
    document = json.loads(text)
    found = pl.read_csv(out, infer_schema=False) if ending == "csv" else pl.read_parquet(out)
    assert code == 0
    assert found.columns == document["columns"] == ["day", "id", "a", "note", "label", "predicted label"]
    assert found["note"][0] == ("'=1+1" if ending == "csv" else "=1+1")  # a spreadsheet would run it
    counts = document["summary"]["label"]
    assert counts == {word: found["predicted label"].to_list().count(word) for word in ("no", "yes")}


def test_a_table_with_types_is_appended_too(run, tmp_path, capsys):
    frame = pl.read_csv(run[1], try_parse_dates=True).with_columns(tags=pl.lit([1, 2], pl.List(pl.Int64)))
    frame.write_parquet(tmp_path / "rows.parquet")
    code, out, _ = call(capsys, "predict", run[0], tmp_path / "rows.parquet", "--append", "--json")
    document = json.loads(out)
    assert (code, document["predictions"]["day"][0]) == (0, "2024-07-01")
    assert _read(call(capsys, "predict", run[0], tmp_path / "rows.parquet", "--append")[1])["tags"][0] == "[1, 2]"


@pytest.mark.parametrize("threshold", [0.02, 0.45, 0.98])
def test_a_threshold_decides(run, capsys, threshold):
    found = _read(call(capsys, "predict", *run, "--threshold", threshold, "--probabilities")[1])
    likely = found["probability yes"].cast(float) >= threshold
    assert (found["label"] == "yes").to_list() == likely.to_list()


REFUSED = {
    "no such id": (["RUN", "ROWS", "--id", "idd"], "no column 'idd' to carry along: did you mean 'id'"),
    "arrays": (["RUN", "ARRAYS", "--append"], "need a table"),
    "threshold": (["RUN", "ROWS", "--threshold", "30"], "not a probability"),
    "interval": (["RUN", "ROWS", "--interval", "0.9"], "ask for its probabilities instead"),
    "swapped": (["ROWS", "RUN"], "the model comes before the rows: fallline predict RUN ROWS"),
    "two models": (
        ["RUN", "RUN"],
        "RUN is a model too and holds no rows: give the rows, as in fallline predict RUN ROWS",
    ),
    "address": (["RUN", "https://example.org/rows.csv"], "download it first"),
    "run's address": (["s3://bucket/run", "ROWS"], "download it first"),
    "file address": (["RUN", "file:///tmp/rows.csv"], "give the path"),
}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_predicted_is_said(run, tmp_path, capsys, arguments, sentence):
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 1), np.float32), y=np.zeros(3))
    places = {"RUN": run[0], "ROWS": run[1], "ARRAYS": tmp_path / "x.npz"}
    code, out, err = call(capsys, "predict", *(places.get(each, each) for each in arguments))
    for word, place in places.items():
        err = err.replace(str(place), word)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_a_model_of_a_run_that_diverged_predicts_with_a_warning(run, capsys):
    metrics = Path(run[0]) / "metrics.json"
    metrics.write_text('{"outcome": "diverged"}')
    code, _, err = call(capsys, "predict", *run)
    metrics.unlink()
    assert code == 0
    assert "warning: the training of" in err
    assert "diverged" in err


def test_a_run_folder_is_no_source(run, capsys):
    for words in (["train", run[0]], ["train", run[0], "--memory", "1GB"], ["compare", run[0]]):
        code, _, err = call(capsys, *words)
        assert (code, "is the folder of a run and holds no rows" in err) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ["train", "ROWS", "--target", "label", "--out", "s3://bucket/run"],
        ["train", "ROWS", "--target", "label", "--recipe", "https://example.org/recipe.toml"],
        ["train", "--resume", "gs://bucket/run"],
        ["export", "hdfs://host/run", "--onnx", "m.onnx"],
    ],
    ids=lambda words: " ".join(words[:1]),
)
def test_an_address_is_refused_wherever_a_path_is_expected(words, run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *(run[1] if each == "ROWS" else each for each in words))
    assert (code, "is an address: " in err, list(tmp_path.iterdir())) == (2, True, [])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["check", "ROWS", "RUN"], "the model comes before the rows: fallline check"),
        (["export", "ROWS", "--onnx", "m.onnx"], "is a table and no model: expected a run folder"),
        (["train", "label", "ROWS"], "is more than one SOURCE: name the column to predict with --target COLUMN"),
        (["check", "https://example.org/run", "ROWS"], "'https://example.org/run' is an address"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_an_argument_in_the_wrong_place_is_named(words, sentence, run, capsys):
    code, _, err = call(capsys, *({"ROWS": run[1], "RUN": run[0]}.get(each, each) for each in words))
    assert (code, sentence in err) == (2, True), err


def test_what_another_command_continues_is_said(run, capsys, tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "study.db").write_bytes(b"")
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "recipe.toml").write_text('environment = "CartPole-v1"\n')
    cases = [
        ("train", "search", "tune"),
        ("train", "policy", "ars"),
        ("tune", "policy", "ars"),
        ("ars", "search", "tune"),
    ]
    for command, folder, own in [*cases, ("tune", run[0], "train"), ("ars", run[0] / "recipe.toml", "train")]:
        code, _, err = call(capsys, command, "--resume", tmp_path / folder)
        assert (code, f"continue it with fallline {own} --resume" in err) == (2, True), (command, folder, err)
