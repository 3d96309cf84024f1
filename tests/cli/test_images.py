"""Folders of images from the command line: train, predict and evaluate, and the wrong ones as pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fallline as fl
from fallline.cli.main import run as program
from fallline.interpretation.document import read_interpretation
from fallline.training.folder import read_plan
from fallline.training.model_file import load_predictor


def main(words: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        program(words)
    return int(stop.value.code)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Dark and light images in colour, of 6x5 pixels; a tenth of the labels is wrong."""
    folder, draw = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for position in range(80):
        kind = position % 2
        label = ("dark", "light")[kind ^ (position % 20 == 0)]
        (folder / label).mkdir(exist_ok=True)
        shades = draw.integers(130 * kind, 130 * kind + 120, (5, 6, 3)).astype(np.uint8)
        Image.fromarray(shades).save(folder / label / f"{position:02}.png")
    return folder


@pytest.fixture(scope="module")
def run(images, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert (
        main(["train", str(images), "--image-size", "6x5", "--hidden", "8", "--epochs", "40", "--out", str(out)]) == 0
    )
    return out


def test_predictions_are_named_by_their_files(images, run, tmp_path, capsys):
    Image.fromarray(np.full((9, 9), 240, np.uint8)).save(tmp_path / "snow.bmp")
    assert main(["predict", str(run), str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.out == "file,label\nsnow.bmp,light\n"
    assert "was resized to 6x5 pixels, as in training" in printed.err
    assert main(["predict", str(run), str(images / "dark"), "--append", "--probabilities"]) == 0
    head, row, *_ = capsys.readouterr().out.splitlines()
    assert head == "file,label,probability dark,probability light"
    assert row.split(",")[0] == min(each.name for each in (images / "dark").iterdir())


def test_evaluate_reads_the_classes_and_refuses_images_without(images, run, capsys):
    assert main(["evaluate", str(run), str(images)]) == 0
    assert "80 rows" in capsys.readouterr().err
    assert main(["evaluate", str(run), str(images / "dark")]) == 2
    assert "holds images without classes" in capsys.readouterr().err


def test_wrong_images_are_pictures_in_the_report_and_for_interpret(run, capsys):
    assert (run / "report.html").read_text().count("data:image/png") > 0
    assert main(["interpret", str(run), "--json"]) == 0
    assert "data:image/png" in capsys.readouterr().out


def test_wrong_images_have_the_names_of_their_files(images, run):
    worst = read_interpretation(run).worst
    pixels = {each.name: each.read_bytes() for each in images.glob("*/*.png")}
    page = (run / "report.html").read_text()
    for name, true, predicted in worst.select("name", "true", "predicted").iter_rows():
        label, _, file = name.partition("/")
        assert label == true != predicted
        assert file in pixels
        # Labels are wrong in one of ten files, by their number: the worst rows are among these.
        assert int(file[:2]) % 20 == 0
        assert f"<small>{name}</small>" in page
    assert worst.height > 0


def test_the_recipe_keeps_the_size(images, run):
    plan = read_plan(run / "recipe.toml")
    assert plan.data["image_size"] == "6x5"
    assert fl.load(**plan.data).schema == load_predictor(run).schema
