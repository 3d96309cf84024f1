"""Plain words of `fallline predict` are read without the option parser, and mean what they mean to it."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from fallline.cli import predict as command
from fallline.cli import quick
from fallline.cli.app import app

PLAIN = [
    "run rows.csv",
    "--json run rows.csv",
    "run rows.csv --probabilities --append --spread",
    "run rows.csv --threshold 0.3",
    "run rows.csv --threshold .5 --interval 1",
    "run rows.csv --id a --id b --names a,b,c --out x.parquet",
    "run --out x.csv rows.csv",
]
OTHER = [
    "",
    "run",
    "run rows.csv more.csv",
    "run rows.csv --help",
    "run rows.csv -h",
    "run rows.csv --prob",
    "run rows.csv --threshold",
    "run rows.csv --threshold half",
    "run rows.csv --threshold -1",
    "run rows.csv --threshold=0.3",
    "run rows.csv --threshold 0.3 --threshold 0.4",
    "run rows.csv --out --json",
    "run -- rows.csv",
    "run -",
]


@pytest.mark.parametrize("words", PLAIN)
def test_plain_words_mean_what_the_parser_reads(monkeypatch, words):
    seen = {}
    monkeypatch.setattr(
        command, "predict_rows", lambda model, source, **options: seen.update(options, model=model, source=source)
    )
    app(args=["predict", *words.split()], standalone_mode=False, prog_name="fallline")
    found = quick.read(["predict", *words.split()])
    assert found is not None
    assert {name: seen[name] for name in found} == found
    assert not any(value for name, value in seen.items() if name not in found)


@pytest.mark.parametrize("words", OTHER)
def test_anything_else_is_left_to_the_parser(words):
    assert quick.read(["predict", *words.split()]) is None


def test_other_commands_and_options_before_the_command_are_left_to_the_parser():
    assert quick.read(["evaluate", "run", "rows.csv"]) is None
    assert quick.read(["--max-bytes", "8GB", "predict", "run", "rows.csv"]) is None
    assert quick.read([]) is None


def test_every_flag_of_the_command_is_known():
    options = {each.opts[0] for each in get_command(app).commands["predict"].params if each.param_type_name == "option"}
    for flag in options - {"--help", "-h"}:
        value = [] if flag.removeprefix("--") in quick.FLAGS else ["0.5"]
        assert quick.read(["predict", "run", "rows.csv", flag, *value]) is not None, flag


def test_completion_is_left_to_the_parser(monkeypatch):
    monkeypatch.setenv(quick.COMPLETING, "complete_bash")
    assert quick.ran(["predict", "run", "rows.csv"]) is None


def test_a_prediction_needs_no_option_parser(tmp_path):
    import fallline as fl

    model = tmp_path / "model.safetensors"
    fl.train(fl.Recipe(epochs=1, model=fl.MLP((4,)), encoding=None), fl.load("sklearn:iris")).model.save(model)
    (tmp_path / "rows.csv").write_text(
        "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0.2\n"
    )
    code = (
        "import atexit, sys; from fallline.cli.main import run; "
        "heavy = ('jax', 'typer', 'pydantic', 'numpy.ma', 'sklearn', 'fallline.streams.stream', 'fallline.data.table'); "
        "atexit.register(lambda: print([each for each in heavy if each in sys.modules])); "
        f"run(['predict', {str(model)!r}, {str(tmp_path / 'rows.csv')!r}])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert out.stdout.splitlines()[0] == "target"
    assert out.stdout.splitlines()[-1] == "[]"
