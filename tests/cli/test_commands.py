"""The commands as a person or a script meets them, in processes of their own where exit codes and signals matter."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import decomposition
from sklearn.datasets import load_diabetes, load_wine

from fallline import load
from fallline.cli.main import run as program
from fallline.core.errors import FalllineError
from fallline.training.model_file import load_predictor

SHIPPED = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
# Programs compiled as conftest.py compiles its own: for what does not depend on how, such as signals and files.
QUICK = {**SHIPPED, "XLA_FLAGS": os.environ.get("FALLLINE_TESTS_FLAGS", "")}


def command(*arguments: str, cwd: Path | None = None, env: dict[str, str] = SHIPPED) -> subprocess.CompletedProcess:
    words = [sys.executable, "-W", "error", "-m", "fallline", *arguments]
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=env, timeout=300)


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    """A command within this process: cheaper, with the same exit code and output."""
    with pytest.raises(SystemExit) as stop:
        program(list(arguments))
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    label = np.where(x[:, 0] + x[:, 1] > 0, "yes", "no")
    path = tmp_path_factory.mktemp("data") / "table.csv"
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "answer": label}).write_csv(path)
    return path


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("runs") / "run"
    out = command("train", str(table), "--target", "answer", "--epochs", "8", "--out", str(folder), "--json")
    assert out.returncode == 0, out.stderr
    return folder, json.loads(out.stdout)


def test_train_leaves_a_complete_folder_and_one_json_document(trained):
    folder, summary = trained
    files = {each.name for each in folder.iterdir()}
    kept = {"recipe.toml", "model.safetensors", "history.parquet", "metrics.json", "report.html", "last.safetensors"}
    kept |= {"diagnosis.json", "interpretation.json", "identity.json"}
    assert files == kept
    assert summary["run"] == str(folder)
    assert summary["outcome"] == "finished"
    assert summary["epochs"] == 8
    assert 1 <= summary["best_epoch"] <= 8
    assert summary["seconds"] > 0
    assert summary["parameters"] == (3 + 3 * 16 + 1) * 128 + (128 + 1) * 64 + (64 + 1) * 2
    assert set(summary["metrics"]) == {"train", "valid", "test"}
    assert summary["metrics"]["test"]["accuracy"] > 0.85
    assert len(pl.read_parquet(folder / "history.parquet")) == 8


def test_recipe_repeats_the_run_to_the_bit(trained, tmp_path):
    folder, _ = trained
    assert command("train", "--recipe", str(folder / "recipe.toml"), "--out", str(tmp_path / "again")).returncode == 0
    assert (tmp_path / "again/model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    assert (tmp_path / "again/history.parquet").read_bytes() == (folder / "history.parquet").read_bytes()


def test_a_loss_without_probabilities_says_so_and_still_predicts(table, tmp_path, capsys):
    folder = str(tmp_path / "hinge")
    code, _, said = call(
        capsys,
        "train",
        str(table),
        "--target",
        "answer",
        "--loss",
        "hinge",
        "--epochs",
        "1",
        "--hidden",
        "4",
        "--out",
        folder,
    )
    assert code == 0
    assert "Network: 213 parameters." in said  # (3 + 3 x 16 + 1) 4 + (4 + 1) 1
    code, out, said = call(capsys, "predict", folder, str(table), "--probabilities")
    assert (code, out) == (2, "")
    assert "trained with the hinge loss has scores and no probabilities" in said
    assert call(capsys, "predict", folder, str(table))[0] == 0
    with pytest.raises(FalllineError, match="no probabilities"):
        load_predictor(folder).probabilities(np.zeros((1, 3), np.float32))


def test_two_classes_losses_refuse_more_in_a_sentence(tmp_path, capsys):
    code, _, said = call(
        capsys, "train", "sklearn:iris", "--loss", "binary_cross_entropy", "--out", str(tmp_path / "run")
    )
    assert code == 2
    assert "tells two classes apart; there are 3" in said
    assert not (tmp_path / "run").exists()


def test_predict_gives_the_words_of_the_data(trained, table, tmp_path, capsys):
    folder, _ = trained
    code, out, _ = call(capsys, "predict", str(folder), str(table), "--probabilities")
    frame = pl.read_csv(out.encode())
    assert code == 0
    assert frame.columns == ["answer", "probability no", "probability yes"]
    right = frame["answer"] == pl.read_csv(table)["answer"]
    assert right.mean() > 0.9
    total = frame["probability no"] + frame["probability yes"]
    assert float((total - 1).abs().max()) < 1e-6
    code, _, _ = call(capsys, "predict", str(folder), str(table), "--out", str(tmp_path / "p.parquet"))
    assert code == 0
    assert pl.read_parquet(tmp_path / "p.parquet")["answer"].to_list() == frame["answer"].to_list()


def test_evaluate_agrees_with_the_predictions(trained, table, capsys):
    folder, _ = trained
    code, out, _ = call(capsys, "evaluate", str(folder), str(table), "--json")
    _, predicted, _ = call(capsys, "predict", str(folder), str(table))
    right = pl.read_csv(predicted.encode())["answer"] == pl.read_csv(table)["answer"]
    assert code == 0
    assert json.loads(out)["metrics"]["accuracy"] == pytest.approx(float(right.mean()))


def test_predictions_do_not_depend_on_order_or_extra_columns(trained, table, tmp_path, capsys):
    folder, _ = trained
    frame = pl.read_csv(table).select("c", "b", pl.lit("x").alias("extra"), "a")
    frame.write_csv(tmp_path / "mixed.csv")
    _, plain, _ = call(capsys, "predict", str(folder), str(table))
    code, mixed, _ = call(capsys, "predict", str(folder), str(tmp_path / "mixed.csv"))
    assert code == 0
    assert mixed == plain


def test_pca_says_how_many_components_it_keeps(tmp_path, capsys):
    folder = tmp_path / "run"
    code, _, err = call(capsys, "train", "sklearn:wine", "--epochs", "1", "--pca", "0.9", "--out", str(folder))
    assert code == 0
    said = json.loads((folder / "metrics.json").read_text())["scaling"]
    data = load_wine().data[load("sklearn:wine").dataset.train]
    wanted = decomposition.PCA(0.9).fit((data - data.mean(axis=0)) / data.std(axis=0))
    explained = pytest.approx(wanted.explained_variance_ratio_.sum(), abs=1e-4)
    assert said == {"name": "pca", "components": wanted.n_components_, "of": 13, "explained": explained}
    assert f"PCA keeps {wanted.n_components_} of 13 components: {100 * said['explained']:.1f} % of the variance" in err
    assert f"of 13: {100 * said['explained']:.2f} % of the variance" in (folder / "report.html").read_text()


def test_a_regression_by_classes_predicts_intervals(tmp_path, capsys):
    folder = tmp_path / "run"
    words = ["sklearn:diabetes", "--epochs", "8", "--hidden", "16", "--loss", "binned_cross_entropy"]
    assert call(capsys, "train", *words, "--out", str(folder))[0] == 0
    code, out, _ = call(capsys, "predict", str(folder), "sklearn:diabetes", "--interval", "0.8")
    frame = pl.read_csv(out.encode())
    assert code == 0
    name = frame.columns[0]
    assert frame.columns == [name, f"{name} low", f"{name} high"]
    low, high = frame[f"{name} low"].to_numpy(), frame[f"{name} high"].to_numpy()
    inside = np.mean((low <= load_diabetes().target) & (load_diabetes().target <= high))
    assert 0.7 < inside < 0.9
    code, _, err = call(capsys, "predict", str(folder), "sklearn:diabetes", "--interval", "1.5")
    assert (code, "between 0 and 1" in err) == (2, True)


BAD = {
    "no source": (["train"], "no SOURCE"),
    "missing file": (["train", "nowhere.csv", "--target", "y"], "nowhere.csv"),
    "wrong target": (["train", "TABLE", "--target", "anser"], "did you mean 'answer'"),
    "unknown data set": (["train", "sklearn:digit"], "digits"),
    "unknown option": (["train", "TABLE", "--lerning-rate", "1"], "--lerning-rate"),
    "unknown command": (["trian", "TABLE"], "trian"),
    "half a component": (
        ["train", "TABLE", "--target", "answer", "--pca", "1.5"],
        "expected a whole number, or a share below 1",
    ),
    "two scalers": (["train", "TABLE", "--target", "answer", "--pca", "2", "--scaler", "robust"], "leave --scaler out"),
    "bad activation": (
        ["train", "TABLE", "--target", "answer", "--activation", "rellu"],
        "did you mean 'relu' or 'prelu' or 'elu' (valid: 'elu', 'gelu', 'identity', 'leaky_relu', 'mish', 'prelu', ",
    ),
    "equal units": (["train", "TABLE", "--target", "answer", "--initializer", "zeros"], "no symmetry breaking"),
    "batch of one": (["train", "TABLE", "--target", "answer", "--batch-norm", "--batch-size", "1"], "layer_norm"),
    "bad number": (["train", "TABLE", "--target", "answer", "--dropout", "1.5"], "outside the valid interval [0, 1)"),
    "not a number": (["train", "TABLE", "--target", "answer", "--epochs", "many"], "epochs"),
    "bad path": (["train", "TABLE", "--target", "answer", "--set", "optimizer.lerning_rate=1"], "learning_rate"),
    "no equals sign": (["train", "TABLE", "--target", "answer", "--set", "model.dropout"], "path=value"),
    "bad optimizer": (["train", "TABLE", "--target", "answer", "--optimizer", "adm"], "did you mean 'adam'"),
    "bad loss": (["train", "TABLE", "--target", "answer", "--loss", "squared_error"], "classification"),
    "bad monitor": (["train", "TABLE", "--target", "answer", "--monitor", "acuracy"], "did you mean 'accuracy'"),
    "bad batch": (["train", "TABLE", "--target", "answer", "--batch-size", "0"], "batch_size"),
    "bad widths": (["train", "TABLE", "--target", "answer", "--hidden", "a,b"], "--hidden"),
    "bad kind": (["train", "TABLE", "--target", "answer", "--kind", "a=numbr"], "number"),
    "bad seed": (["train", "TABLE", "--target", "answer", "--seed", "-1"], "seed"),
    "bad share": (["train", "TABLE", "--target", "answer", "--test", "1.5"], "1.5"),
    "no model": (["predict", "nowhere", "TABLE"], "nowhere"),
    "not a model": (["predict", "TABLE", "TABLE"], "safetensors"),
    "not a run": (["report", "DIR"], "run folder"),
    "nothing to resume": (["train", "--resume", "DIR"], "not a run folder"),
    "recipe missing": (["train", "--recipe", "nowhere.toml"], "nowhere.toml"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(name, table, tmp_path, capsys, monkeypatch):
    words, expected = BAD[name]
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    words = [{"TABLE": str(table), "DIR": str(tmp_path / "empty")}.get(each, each) for each in words]
    code, out, err = call(capsys, *words)
    lines = [line for line in err.splitlines() if not line.startswith("warning")]
    assert code == 2
    assert out == ""
    assert len(lines) == 1
    assert lines[0].startswith("fallline: ")
    assert expected in lines[0]
    assert not (tmp_path / "runs").exists()


def test_a_broken_recipe_is_named_with_its_place(trained, tmp_path, capsys):
    folder, _ = trained
    text = (folder / "recipe.toml").read_text()
    for old, new, expected in [
        ('name = "relu"', 'name = "os.system"', "model.activation"),
        ("beta1 = 0.9", "beta1 = 7", "[0, 1)"),
        ("beta1 = 0.9", "beta9 = 0.9", "'beta1'"),
        ("epochs = 8", 'epochs = "8"', "epochs"),
        ("seed = 0", "seed = ", "TOML"),
    ]:
        (tmp_path / "r.toml").write_text(text.replace(old, new, 1))
        code, _, err = call(capsys, "train", "--recipe", str(tmp_path / "r.toml"), "--out", str(tmp_path / "no"))
        assert code == 2
        assert expected in err
        assert not (tmp_path / "no").exists()


def test_divergence_is_an_outcome_and_the_run_is_kept(table, tmp_path, capsys):
    words = ["--optimizer", "sgd", "--learning-rate", "1e6", "--epochs", "5", "--out", str(tmp_path / "run"), "--json"]
    code, out, _ = call(capsys, "train", str(table), "--target", "answer", *words)
    summary = json.loads(out)
    assert code == 1
    assert summary["outcome"] == "diverged"
    assert "diverged at step" in summary["sentence"]
    assert (tmp_path / "run/report.html").exists()
    assert summary["best_epoch"] == 0
    code, out, err = call(capsys, "predict", str(tmp_path / "run"), str(table))
    assert (code, out) == (2, "")
    assert "holds no model to predict with: its training diverged" in err
    assert not (tmp_path / "run/model.safetensors").exists()


def test_a_run_that_diverges_at_once_says_that_there_is_no_model(table, tmp_path, capsys):
    words = ["--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "5", "--out", str(tmp_path / "run")]
    code, out, err = call(capsys, "train", str(table), "--target", "answer", *words)
    assert code == 1
    assert "There is no model to predict with." in out + err
    assert "fallline predict" not in out + err


def test_an_existing_folder_is_not_overwritten(trained, table, capsys):
    folder, _ = trained
    code, _, err = call(capsys, "train", str(table), "--target", "answer", "--out", str(folder))
    assert code == 2
    assert "not empty" in err


LONG = ["--target", "answer", "--epochs", "200", "--patience", "none", "--checkpoint-seconds", "0", "--batch-size", "4"]


def test_killed_at_any_moment_the_resumed_run_ends_with_the_same_bits(table, tmp_path):
    assert command("train", str(table), *LONG, "--out", str(tmp_path / "whole"), "--json", env=QUICK).returncode == 0
    folder = tmp_path / "killed"
    words = [sys.executable, "-m", "fallline", "train", str(table), *LONG, "--out", str(folder), "--json"]
    killed = 0
    for delay in (0.0, 0.2):
        if killed:
            words = [sys.executable, "-m", "fallline", "train", "--resume", str(folder), "--json"]
        with subprocess.Popen(words, env=QUICK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not (folder / "checkpoint.safetensors").exists():
                time.sleep(0.005)
            time.sleep(delay)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                killed += 1
            process.wait()
    assert killed > 0
    if not (folder / "metrics.json").exists():
        assert command("train", "--resume", str(folder), "--json", env=QUICK).returncode == 0
    for name in ("model.safetensors", "history.parquet"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not list(folder.glob("checkpoint*"))


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(table, tmp_path):
    folder = tmp_path / "run"
    words = [*LONG[:2], "--epochs", "100000", *LONG[4:], "--out", str(folder)]
    process = subprocess.Popen(
        [sys.executable, "-m", "fallline", "train", str(table), *words],
        env=QUICK,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (folder / "checkpoint.safetensors").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in err
    assert json.loads((folder / "metrics.json").read_text())["outcome"] == "interrupted"
    assert (folder / "checkpoint.safetensors").exists()


def test_no_command_is_a_question_for_help_and_a_misspelt_option_points_to_its_command(capsys):
    code, out, err = call(capsys)
    assert (code, err) == (0, "")
    assert "tune" in out
    assert "..." not in out.partition("Commands:")[2]  # every summary in whole words
    code, _, err = call(capsys, "tune", "--epoks", "3")
    assert code == 2
    assert "--epoks" in err
    assert "`fallline tune --help`" in err


def test_help_is_quick_and_importing_starts_nothing():
    code = (
        "import sys, fallline; print([m for m in ('jax', 'numpy', 'polars', 'plotly', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    code = (
        "import sys, fallline.cli.app; print([m for m in ('jax', 'polars', 'plotly', 'sklearn') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    for _ in range(3):  # the best of three, for it is the machine's other work that varies
        began = time.perf_counter()
        out = command("--help")
        seconds = time.perf_counter() - began
        if seconds < 0.5:
            break
    assert out.returncode == 0
    assert all(len(line) <= 80 for line in out.stdout.splitlines())
    assert seconds < 0.5


def test_a_host_programs_jax_is_left_alone():
    code = (
        "import jax; jax.numpy.zeros(1) + 1; n = jax.device_count(); import fallline; fallline.ReLU; "
        "print(jax.device_count() == n, jax.config.jax_compilation_cache_dir)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["True", "None"]
