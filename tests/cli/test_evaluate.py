"""`fallline evaluate` says which rows it judges."""

import json
import re

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.cli.main import run as program


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        program(list(arguments))
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model file, its table's CSV, and the frame."""
    folder = tmp_path_factory.mktemp("evaluate")
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"a": rng.normal(size=300), "b": rng.choice(["x", "y", None], 300), "c": rng.normal(1e6, 1, 300)}
    ).with_columns(answer=pl.when(pl.col("a") > 0).then(pl.lit("yes")).otherwise(pl.lit("no")))
    frame.write_csv(folder / "table.csv")
    table = fl.load(folder / "table.csv", "answer")
    fl.train(fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), epochs=2), table).model.save(
        folder / "model.safetensors"
    )
    return folder, frame, table.dataset


@pytest.mark.parametrize(
    ("rows", "label", "counts"),
    [
        ("whole", "these rows", (210, 30)),
        ("train", "training rows", (210, 0)),
        ("test", "test", (0, 0)),
        ("half", "these rows", (60, 0)),
    ],
)
def test_rows_that_trained_the_model_are_known_under_any_name(trained, tmp_path, capsys, rows, label, counts):
    folder, frame, data = trained
    assert (len(data.train), len(data.valid)) == (210, 30)
    chosen = {
        "whole": np.arange(300),
        "train": data.train[::-1],
        "test": data.test,
        "half": np.concatenate([data.test, data.train[:60]]),
    }[rows]
    copy = tmp_path / "renamed.csv"
    frame[chosen].write_csv(copy)
    code, out, _ = call(capsys, "evaluate", str(folder / "model.safetensors"), str(copy), "--json")
    document = json.loads(out)
    assert code == 0
    assert document["label"] == label
    assert document["seen"] == {"trained": counts[0], "chose_epoch": counts[1]}
    _, _, said = call(capsys, "evaluate", str(folder / "model.safetensors"), str(copy))
    assert re.search(rf"^  {label}  ", said, re.MULTILINE)
    assert ("rows trained this model" in said) == (label != "test")


def test_a_model_that_does_not_know_its_rows_calls_none_a_test(trained, tmp_path, capsys):
    import dataclasses

    folder, _, _ = trained
    model = dataclasses.replace(fl.load_predictor(folder / "model.safetensors"), seen=None)
    model.save(tmp_path / "old.safetensors")
    code, _, said = call(capsys, "evaluate", str(tmp_path / "old.safetensors"), str(folder / "table.csv"))
    assert code == 0
    assert "  these rows  " in said
