"""A new probe is one class: given to `train` or `evaluate`, it is in the history, the checkpoint and the report."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.probes import RECORDED, Probe
from fallline.report.page import report
from fallline.testing import check
from fallline.training.folder import Plan, finish_folder
from fallline.training.history import load_history

RECIPE = fl.Recipe(
    encoding=None, model=fl.MLP(hidden=(6,)), optimizer=fl.Adam(0.01), batch_size=16, epochs=4, patience=None
)


class LargestWeight(Probe):
    """The largest |w| of each layer since the epoch began, over a bound.

    >>> LargestWeight().axis
    'layer'
    """

    name: ClassVar[str] = "largest_weight"
    axis: ClassVar = "layer"
    title: ClassVar[str] = "Largest <weight>"
    help: ClassVar[str] = "Weights that leave the others behind hint at a learning rate that is too high."
    bound: float = fl.number(1.0, valid="(0, inf)", usual=(0.1, 10.0), help="what counts as one")

    def begin(self, params):
        return dict.fromkeys(params, jnp.float32(0.0))

    def after_step(self, gathered, step):
        return {name: jnp.maximum(gathered[name], jnp.max(jnp.abs(step.params[name]["weight"]))) for name in gathered}

    def compute(self, context):
        seen = context.gathered[self.name]
        last = {name: jnp.max(jnp.abs(part["weight"])) for name, part in context.params.items()}
        return context.per_layer(lambda name: jnp.maximum(seen[name], last[name]) / self.bound)


def test_it_keeps_what_every_probe_keeps():
    check(LargestWeight())
    check(LargestWeight(2.0))


def test_it_is_in_the_history_beside_the_usual_ones(flowers):
    usual = fl.train(RECIPE, flowers)
    run = fl.train(RECIPE, flowers, probes=(*RECORDED, LargestWeight(2.0)))
    own = [f"dense_{i}.largest_weight" for i in (1, 2)]
    assert set(run.history) == {*usual.history, *own}
    for name in usual.history:
        np.testing.assert_array_equal(run.history[name], usual.history[name])
    largest = np.abs(np.asarray(run.state.params["dense_1"]["weight"])).max()
    assert 2 * run.history[own[0]][-1] >= largest
    alone = fl.train(RECIPE, flowers, probes=(LargestWeight(2.0),))
    np.testing.assert_array_equal(alone.history[own[0]], run.history[own[0]])
    assert list(alone.history) == ["epoch", "train_loss", "valid_loss", "valid_accuracy", *own]


def test_without_probes_a_history_has_the_scores_and_the_same_model(flowers):
    run, bare = fl.train(RECIPE, flowers), fl.train(RECIPE, flowers, probes=())
    assert list(bare.history) == ["epoch", "train_loss", "valid_loss", "valid_accuracy"]
    assert np.isfinite(bare.history["valid_loss"]).all()
    for name in bare.history:
        np.testing.assert_array_equal(bare.history[name], run.history[name])
    assert bare.metrics == run.metrics


def test_it_is_in_the_report_as_it_declares_itself(flowers, tmp_path):
    run = fl.train(RECIPE, flowers, probes=(*RECORDED, LargestWeight()))
    finish_folder(tmp_path, Plan(run.recipe, {}, 0), run, flowers)
    text = report(tmp_path)
    assert "<h3>Largest &lt;weight&gt;</h3>" in text
    assert LargestWeight.help in text
    assert text.index("Gradient norm") < text.index("Largest &lt;weight")


def test_a_report_made_elsewhere_draws_it_by_its_name(flowers, tmp_path):
    run = fl.train(RECIPE, flowers, probes=(LargestWeight(),))
    finish_folder(tmp_path, Plan(run.recipe, {}, 0), run, flowers)
    code = "import sys; from fallline.report.page import report; print(report(sys.argv[1]))"
    page = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert "<h3>Largest weight</h3>" in page.stdout


def test_a_population_records_it_where_it_is_asked_for(flowers):
    recipes = [fl.replace(RECIPE, {"model.hidden": (width,)}) for width in (6, 4)]
    population = fl.evaluate(recipes, flowers, seeds=2, probes=(LargestWeight(),))
    for lane in range(len(population)):
        run, seen = population.replay(lane), population.history(lane)
        assert list(run.history) == list(seen)
        np.testing.assert_allclose(seen["dense_1.largest_weight"], run.history["dense_1.largest_weight"], rtol=1e-4)
    with pytest.raises(fl.FalllineError, match="recorded no probes"):
        fl.evaluate(recipes, flowers, probes=()).history(0)


def test_a_resumed_run_goes_on_recording_it_and_needs_it_to_go_on(flowers, tmp_path, monkeypatch):
    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)
    probes = (LargestWeight(2.0), *RECORDED[:2])

    class StoppedError(Exception):
        pass

    def stop(moment):
        if moment.epoch >= 3:
            raise StoppedError

    options = {"folder": tmp_path, "checkpoint_seconds": 0.0}
    with pytest.raises(StoppedError):
        fl.train(RECIPE, flowers, probes=probes, watch=stop, **options)
    for others in (RECORDED, (LargestWeight(3.0), *RECORDED[:2])):
        with pytest.raises(
            fl.FalllineError, match=r"records other probes \(largest_weight, train_objective, train_metric"
        ):
            fl.train(RECIPE, flowers, probes=others, resume=True, **options)
    straight = fl.train(RECIPE, flowers, probes=probes)
    run = fl.train(RECIPE, flowers, probes=probes, resume=True, **options)
    assert run.notes == ()
    assert list(run.history) == list(straight.history)
    for name in straight.history:
        np.testing.assert_array_equal(run.history[name], straight.history[name])


def test_a_history_with_it_is_saved_and_read(flowers, tmp_path):
    run = fl.train(RECIPE, flowers, probes=(LargestWeight(),))
    path = Path(tmp_path) / "history.parquet"
    run.history.save(path)
    assert list(load_history(path)) == list(run.history)
    assert pl.read_parquet(path).height == 4
