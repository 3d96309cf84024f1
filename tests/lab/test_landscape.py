"""Landscapes: equal to the model moved by hand, invariant where theory says so, and exact at the networks themselves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.doctor.case import case_of
from fallline.lab.curvature import extremes, hutchinson, products
from fallline.lab.directions import coordinates, principal_directions, random_direction, to_params, to_vector
from fallline.lab.network import loss_at, network_on
from fallline.lab.scenery import kinds_of, page_of
from fallline.lab.snapshots import snapshots_of
from fallline.training.ensemble import Ensemble
from fallline.training.evaluation import evaluate_rows


def table(task="classification", rows=90):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    y = (
        (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 1)
        if task == "classification"
        else 1e4 + 300 * x[:, 0] * x[:, 1]
    )
    return fl.Table.from_arrays(x, y, test=0.0, valid=0.2)


def trained(task="classification", epochs=3, seed=0, rows=90, **given):
    recipe = fl.Recipe(**{"model": fl.MLP((6,)), "encoding": None, "epochs": epochs, "keep": "last", **given})
    return fl.train(recipe, table(task, rows), seed=seed)


@pytest.fixture(scope="module")
def run():
    return trained()


KINDS = {
    "plain": {},
    "normalised": {"model": fl.MLP((6, 5), batch_norm=True, dropout=0.2)},
    "linear": {"model": fl.MLP(())},
    "coded": {"encoding": fl.PiecewiseLinear(4)},
    "maxout": {"model": fl.Network((fl.Maxout(4, pieces=2), fl.Dense(5), fl.ReLU()))},
    "members": {"model": fl.TabM(hidden=(6,), members=3)},
    "regression": {"task": "regression", "model": fl.MLP((6,), batch_norm=True)},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_point_is_the_model_with_moved_parameters(kind):
    run = trained(**KINDS[kind])
    case = case_of(run)
    network = network_on(case)
    axes = tuple(random_direction(network.layers, network.weights, seed) for seed in (0, 1))
    points = np.array([[0.0, 0.0], [0.5, -0.3], [-1.0, 0.2]])
    losses, scores = network.measure(network.weights, axes, points)
    data = case.data.dataset
    for (a, b), loss, score in zip(points, losses, scores, strict=True):
        params = jax.tree.map(
            lambda w, u, v, a=a, b=b: w + np.float32(a) * u + np.float32(b) * v,
            run.model.arrays["params"], axes[0]["params"], axes[1]["params"],
        )  # fmt: skip
        moved = dataclasses.replace(run.model, arrays={**run.model.arrays, "params": params})
        found = evaluate_rows(moved, data.x, data.given, data.weight, data.train)
        assert loss == pytest.approx(found["loss"], rel=2e-5, abs=1e-6)
        assert score == pytest.approx(found[network.metric], rel=2e-4, abs=1e-6)
    assert losses[0] == pytest.approx(run.metrics["train"]["loss"], rel=1e-5)
    assert network.metric == ("rmse" if kind == "regression" else "accuracy")


def test_filters_keep_their_size_and_the_rest_stands_still(run):
    network = network_on(case_of(run))
    found = random_direction(network.layers, network.weights, 3)["params"]
    for name, own in network.weights["params"].items():
        assert np.linalg.norm(found[name]["weight"], axis=0) == pytest.approx(
            np.linalg.norm(own["weight"], axis=0), rel=1e-5
        )
        assert not found[name]["bias"].any()


def test_a_rescaled_relu_network_has_the_same_picture_but_not_the_same_sharpness(run):
    case = case_of(run)
    params = {name: dict(own) for name, own in run.model.arrays["params"].items()}
    params["dense_1"] = {part: 4.0 * leaf for part, leaf in params["dense_1"].items()}
    params["dense_2"]["weight"] = params["dense_2"]["weight"] / 4.0
    other = dataclasses.replace(
        case, model=dataclasses.replace(run.model, arrays={**run.model.arrays, "params": params})
    )
    both = []
    for each in (case, other):
        network = network_on(each)
        axes = tuple(random_direction(network.layers, network.weights, seed) for seed in (0, 1))
        both.append(network.measure(network.weights, axes, np.array([[0.7, 0.2], [-0.4, 1.0]]))[0])
    assert both[0] == pytest.approx(both[1], rel=1e-5)
    ends = [extremes(products(network_on(each)), 45, 20, 0)[0] for each in (case, other)]
    assert ends[1] > 2 * ends[0]


def test_the_plane_of_a_random_walk_holds_what_theory_says():
    walk = np.cumsum(np.random.default_rng(0).normal(size=(250, 4000)), axis=0)
    along, shares = principal_directions(walk)
    assert shares == pytest.approx([6 / np.pi**2, 6 / (4 * np.pi**2)], abs=0.01)
    assert along @ along.T == pytest.approx(np.eye(2), abs=1e-6)
    places, away = coordinates(walk, walk[-1], along)
    assert places[-1] == pytest.approx([0, 0], abs=1e-9)
    assert away[-1] == pytest.approx(0, abs=1e-9)
    with pytest.raises(FalllineError, match="three different points"):
        principal_directions(walk[:2])


def test_the_training_is_the_same_again_and_its_losses_are_those_of_the_history():
    run = trained(epochs=6, model=fl.MLP((6,), batch_norm=True), keep="best")
    assert snapshots_of(case_of(run)).difference == 0.0
    found = fl.lab.landscape(run, plane="trajectory", size=5, split="valid", sharpness=False)
    assert found.path["epoch"].to_list() == list(range(7))
    assert found.trajectory.loss[1:] == pytest.approx(np.asarray(run.history["valid_loss"]), rel=1e-5)
    best = run.best_epoch
    assert found.trajectory.places[best] == pytest.approx([0, 0], abs=1e-6)
    assert found.trajectory.distance[best] == pytest.approx(0, abs=1e-6)
    assert found.here[0] == pytest.approx(run.metrics["valid"]["loss"], rel=1e-5)
    assert 0 < found.explained[1] < found.explained[0] < 1
    assert found.x[0] < found.trajectory.places[:, 0].min() < found.trajectory.places[:, 0].max() < found.x[-1]
    assert kinds_of(found) == ("loss", "surface", "accuracy", "training")


def test_a_calibrated_network_is_said_to_stand_beside_its_path():
    run = trained(calibrate="temperature")
    found = fl.lab.landscape(run, plane="trajectory", size=3, sharpness=False)
    (note,) = found.notes
    assert "calibrated after its training" in note
    assert found.here[0] == pytest.approx(run.metrics["train"]["loss"], rel=1e-5)
    assert not fl.lab.landscape(trained(), plane="trajectory", size=3, sharpness=False).notes


def test_few_epochs_of_a_long_run_are_kept():
    run = trained(epochs=9)
    found = snapshots_of(case_of(run), most=4)
    assert (found.epochs[0], found.epochs[-1], len(found.epochs)) == (0, 9, 5)


def test_a_line_joins_two_runs_with_their_running_statistics():
    given = {"model": fl.MLP((6,), batch_norm=True), "rows": 70}
    one, two = trained(**given), trained(seed=1, **given)
    found = fl.lab.landscape(one, other=two, size=9, sharpness=False)
    assert (found.plane, found.dimensions, found.x[[0, -1]].tolist()) == ("line", 1, [-0.5, 1.5])
    losses = dict(zip(found.x.round(6).tolist(), found.loss[0], strict=True))
    assert losses[0.0] == pytest.approx(one.metrics["train"]["loss"], rel=1e-5)
    assert losses[1.0] == pytest.approx(two.metrics["train"]["loss"], rel=1e-5)
    half = {}
    for part in ("params", "stats"):
        half[part] = jax.tree.map(lambda a, b: (a + b) / 2, one.model.arrays[part], two.model.arrays[part])
    middle = dataclasses.replace(one.model, arrays={**one.model.arrays, **half})
    data = one.data.dataset
    expected = evaluate_rows(middle, data.x, data.given, data.weight, data.train)["loss"]
    assert losses[0.5] == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(found.loss).all()
    assert found.barrier == pytest.approx(max(0.0, max(
        losses[t] - (1 - t) * losses[0.0] - t * losses[1.0] for t in (0.0, 0.25, 0.5, 0.75, 1.0)
    )))  # fmt: skip
    assert "other network" in found.figure("accuracy").svg()


def test_the_eigenvalues_are_those_of_the_whole_hessian(run):
    network = network_on(case_of(run))
    model, like = network.model, network.weights["params"]

    def loss(vector):
        leaves, form = jax.tree.flatten(like)
        parts = jnp.split(vector, np.cumsum([leaf.size for leaf in leaves])[:-1])
        params = jax.tree.unflatten(form, [p.reshape(leaf.shape) for p, leaf in zip(parts, leaves, strict=True)])
        stats = network.weights["stats"]
        return loss_at(model.task, model.outputs, network.recipe, params, stats, network.x, network.y, network.weight)

    vector = to_vector(like)
    whole = np.asarray(jax.hessian(loss)(jnp.asarray(vector, jnp.float32)), np.float64)
    values = np.linalg.eigvalsh(whole)
    product = products(network)
    assert product(vector) == pytest.approx(whole @ vector, rel=1e-3, abs=1e-4)
    largest, smallest, up, down = extremes(product, len(vector), 40, 0)
    assert largest == pytest.approx(values[-1], rel=1e-4)
    assert smallest == pytest.approx(values[0], abs=1e-3 * values[-1])
    assert max(up, down) < 1e-2 * values[-1]
    sharp = fl.lab.landscape(run, size=3).sharpness
    assert sharp.largest == pytest.approx(values[-1], rel=1e-3)
    assert abs(sharp.trace - values.sum()) < 4 * sharp.trace_error + 1e-6
    assert (sharp.parameters, sharp.rows) == (len(vector), 72)
    assert jax.tree.all(jax.tree.map(np.array_equal, to_params(vector, like), like))


def test_lanczos_and_hutchinson_have_the_errors_of_theory():
    rng = np.random.default_rng(1)
    basis, _ = np.linalg.qr(rng.normal(size=(200, 200)))
    values = np.concatenate([rng.normal(size=195), [15, 16, 20, 30, -12]])
    whole = basis * values @ basis.T
    ends = extremes(lambda v: whole @ v, 200, 20, 0)
    assert ends[:2] == pytest.approx([30, -12], rel=1e-4)
    assert ends[0] <= 30 + 1e-9
    short = extremes(lambda v: whole @ v, 200, 4, 0)
    assert abs(short[0] - 30) < short[2]
    means = [hutchinson(lambda v: whole @ v, 200, seed) for seed in range(40)]
    assert all(draws == 100 for _, _, draws in means)
    deviation = np.sqrt(2 * ((whole**2).sum() - (np.diag(whole) ** 2).sum()) / 100)
    assert np.mean([error for _, error, _ in means]) == pytest.approx(deviation, rel=0.1)
    assert np.std([mean for mean, _, _ in means]) == pytest.approx(deviation, rel=0.3)


def test_pictures_page_and_data(run, tmp_path):
    found = fl.lab.landscape(run, size=9)
    assert (len(found.frame), found.frame.columns) == (81, ["a", "b", "loss", "accuracy"])
    centre = found.frame.row(40, named=True)
    assert (centre["a"], centre["b"], centre["loss"]) == (0, 0, pytest.approx(found.here[0], rel=1e-6))
    plain = found.to_plain()
    assert plain["loss"][4][4] == centre["loss"]
    assert plain["sharpness"]["largest"] == found.sharpness.largest
    page = found.save_page(tmp_path / "here.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert page.count("<svg") == len(kinds_of(found)) == 3
    assert all(found.figure(kind).save(tmp_path / f"{kind}.svg").stat().st_size > 1000 for kind in kinds_of(found))
    with pytest.raises(FalllineError, match="not of this landscape"):
        found.figure("training")
    with pytest.raises(FalllineError, match=r"is no \.html"):
        found.save_page(tmp_path / "here.txt")


def test_losses_that_are_not_finite_are_left_out(run):
    found = fl.lab.landscape(run, size=5, span=1e30, sharpness=False)
    assert found.frame["loss"].null_count() > 0
    assert np.isfinite(found.here[0])
    assert "nan" not in page_of(found).lower().replace("nanpx", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"plane": "sideways"}, "plane = 'sideways' is unknown"),
        ({"plane": "line"}, "a line needs another run"),
        ({"dimensions": 3}, "dimensions = 3"),
        ({"size": 2}, "size = 2"),
        ({"span": 0}, "span = 0"),
        ({"span": float("nan")}, "span = nan"),
        ({"split": "test"}, "the test split has no rows"),
        ({"split": "half"}, "split = 'half' is unknown"),
        ({"rows": 0}, "rows = 0"),
    ],
)
def test_bad_requests(run, given, said):
    with pytest.raises(FalllineError, match=said):
        fl.lab.landscape(run, **given)


def test_runs_that_do_not_fit_together(run):
    with pytest.raises(FalllineError, match="have other layers"):
        fl.lab.landscape(run, other=trained(**KINDS["linear"]))
    with pytest.raises(FalllineError, match="see other rows"):
        fl.lab.landscape(run, other=dataclasses.replace(run, data=table(rows=80)))
    with pytest.raises(FalllineError, match="type list has no landscape"):
        fl.lab.landscape([1])
    own = {each.name: getattr(run.model, each.name) for each in dataclasses.fields(run.model)}
    with pytest.raises(FalllineError, match="ensemble"):
        fl.lab.landscape(dataclasses.replace(run, model=Ensemble(**own, members=(run.model,), weights=(1.0,))))
