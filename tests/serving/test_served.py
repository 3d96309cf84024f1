"""A saved model answers from its program as it does from its blocks, and a program that was changed is refused."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.activations import Activation
from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.tensor_files import load_tensors, save_tensors
from fallline.core.tensors import flatten
from fallline.serving import find_served, load_served
from fallline.serving.program import Program
from fallline.serving.served import digest_of_program
from fallline.training.model_file import load_predictor
from fallline.training.recorded import with_program

SHORT = fl.Recipe(epochs=1)


class Bent(Activation):
    """A user's own."""

    def __call__(self, x):
        return abs(x)


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=80), "b": rng.normal(size=80).tolist(), "c": list("xyzx") * 20})
    frame = frame.with_columns(y=pl.col("a") * 3 + 100, a=pl.when(pl.col("a") > 1).then(None).otherwise(pl.col("a")))
    return fl.load(frame, "y")


@pytest.fixture(scope="module")
def iris_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("iris") / "model.safetensors"
    fl.train(SHORT, fl.load("sklearn:iris")).model.save(path)
    return path


def compared(model, path, x):
    model.save(path)
    served, whole = load_served(path), load_predictor(path)
    assert served is not None
    np.testing.assert_allclose(served.predicted(x), whole.predicted(x), rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(served.decide(served.predicted(x)), whole.decide(whole.predicted(x)))
    return served


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"encoding": fl.Periodic()},
        {"encoding": fl.PiecewiseEmbedding()},
        {"model": fl.TabM(members=3)},
        {"scaler": fl.QuantileNormal(), "encoding": None},
        {"model.batch_norm": True, "model.activation": fl.GELU(), "encoding": fl.InputScales()},
    ],
    ids=lambda changes: ", ".join(map(str, changes)) or "default",
)
def test_answers_are_those_of_the_blocks(changes, numbers, tmp_path):
    model = fl.train(replace(SHORT, changes), numbers).model
    x = np.concatenate([numbers.dataset.x] * 4)  # more than a block of rows
    x[::7, 0] = np.nan
    served = compared(model, tmp_path / "m.safetensors", x)
    with pytest.raises(FalllineError, match="a regression has no probabilities"):
        served.check_probabilities()


def test_classes_and_probabilities(iris_file):
    x = fl.load("sklearn:iris").dataset.x
    served = compared(load_predictor(iris_file), iris_file, x)
    np.testing.assert_allclose(served.probabilities(x).sum(axis=1), 1.0, rtol=1e-6)
    whole = load_predictor(iris_file)
    assert served.predict("sklearn:iris").tolist() == whole.predict("sklearn:iris").tolist()
    frame = served.predict({"sepal length (cm)": 5.0, "sepal width (cm)": 3.4, "petal length (cm)": 1.5,
                            "petal width (cm)": 0.2}, probabilities=True)  # fmt: skip
    assert frame.columns == ["target", "probability setosa", "probability versicolor", "probability virginica"]
    for asked in (served.interval, served.spread):
        with pytest.raises(FalllineError, match=r"read it with fl\.load_predictor"):
            asked(x, *([0.9] if asked == served.interval else []))
    assert served.takes(256)
    assert not served.takes(10**9)


def test_a_block_of_ones_own_and_an_ensemble_have_no_program(numbers, tmp_path):
    own = fl.train(replace(SHORT, {"model.activation": Bent()}), numbers).model
    assert with_program(own.recipe, own.schema, own.outputs, flatten(own.arrays), {"format": 1})[1] == {"format": 1}
    fl.train(SHORT, numbers, members=2).model.save(tmp_path / "two.safetensors")
    for path in (tmp_path / "two.safetensors", tmp_path, tmp_path / "none.safetensors"):
        assert find_served(path) is None
        with pytest.raises(FalllineError, match="holds no program to serve"):
            load_served(path)


def changed(path, tmp_path, change, bound=True):
    arrays, described = load_tensors(path, "model")
    change(arrays, described)
    if bound:
        described["program"]["of"] = digest_of_program(arrays, described)
    save_tensors(tmp_path / "changed.safetensors", arrays, described)
    return tmp_path / "changed.safetensors"


def of_steps(change):
    return lambda arrays, described: change(described["program"]["steps"])


def scaled(arrays, described):
    name = next(each for each in arrays if each.endswith("weight"))
    arrays[name] = arrays[name] * 1.001


def huge(steps):
    steps[-1] = ["broadcast_to", [{"step": 0}], {"shape": [10**6, 10**6, 4, 3]}]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (scaled, "does not give the answers that were kept"),
        (of_steps(lambda steps: steps.pop()), "does not give the answers|cannot be computed"),
        (of_steps(lambda steps: steps[0].__setitem__(0, "fromfile")), "step 0 of its program is no known operation"),
        (of_steps(lambda steps: steps[0].__setitem__(1, [{"step": 5}])), "step 0 .* inputs that do not exist"),
        (of_steps(lambda steps: steps[0].__setitem__(1, [{"array": "nowhere"}])), "inputs that do not exist"),
        (of_steps(lambda steps: steps.clear()), "no list of steps"),
        (of_steps(huge), "would make more than"),
        (lambda arrays, described: arrays.pop("program/rows"), "no rows of 20 features|no rows of 4 features"),
        (lambda arrays, described: described.update(program={"steps": 1, "scores": ""}), "is not a list"),
    ],
)
def test_a_program_that_was_changed_is_refused(change, says, iris_file, tmp_path):
    with pytest.raises(FalllineError, match=says):
        load_served(changed(iris_file, tmp_path, change))


@pytest.mark.parametrize("load", [load_served, fl.load_predictor])
@pytest.mark.parametrize(
    "change",
    [
        scaled,
        of_steps(lambda steps: steps[0].__setitem__(0, "negative")),
        lambda arrays, described: described["recipe"].update(epochs=7),
        lambda arrays, described: described["program"].update(of=""),
        lambda arrays, described: described.update(program=3),
    ],
)
def test_a_program_and_a_network_that_were_not_saved_together_are_refused(change, load, iris_file, tmp_path):
    with pytest.raises(FalllineError, match=r"is not that of its network|its program is (not|3)"):
        load(changed(iris_file, tmp_path, change, bound=False))


def test_json_gives_the_same_program(iris_file):
    served = load_served(iris_file)
    plain = json.loads(json.dumps(served.program.to_plain()))
    assert Program.from_plain(plain, served.arrays, "m", "again").steps == served.program.steps


def test_predict_imports_neither_jax_nor_scikit_learn(iris_file, tmp_path):
    rows = tmp_path / "rows.csv"
    fl.load("sklearn:iris")
    from sklearn.datasets import load_iris

    bunch = load_iris()
    pl.DataFrame(bunch.data[:3], schema=list(bunch.feature_names)).write_csv(rows)
    code = (
        "import sys; from fallline.cli.main import run\n"
        f"sys.argv = ['fallline', 'predict', {str(iris_file)!r}, {str(rows)!r}, '--probabilities']\n"
        "try: run()\nexcept SystemExit as e: assert not e.code\n"
        "assert not {'jax', 'equinox', 'sklearn', 'scipy'} & sys.modules.keys(), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("target,probability setosa")
    assert len(done.stdout.splitlines()) == 4
