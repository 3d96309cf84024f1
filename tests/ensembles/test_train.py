"""Members of other seeds and bags of folds: what their model, their scores and their files are."""

import json

import numpy as np
import pytest

import fallline as fl
from fallline.core.tensor_files import load_tensors, save_tensors
from fallline.ensembles.run import EnsembleRun
from fallline.ensembles.train import seeds_of
from fallline.training.train import train as train_one

COUNT = 3


@pytest.fixture(scope="module")
def run(recipe, flowers):
    return fl.train(recipe, flowers, members=COUNT, seed=4)


@pytest.fixture(scope="module")
def bag(recipe, prices):
    return fl.train(recipe, prices, bag=COUNT, seed=1)


def answers(run, table):
    return np.array([each.model.answer(table.dataset.x)[0] for each in run.members], np.float64)


def test_the_answer_is_the_mean_of_probabilities_and_not_of_logits(run, flowers):
    each, mean = answers(run, flowers), run.model.answer(flowers.dataset.x)[0]
    np.testing.assert_allclose(mean, each.mean(axis=0), atol=2e-7)
    of_logits = np.exp(np.log(each).mean(axis=0))
    of_logits /= of_logits.sum(axis=1, keepdims=True)
    assert np.abs(of_logits - mean).max() > 1e-4
    assert (run.model.predict(flowers) == np.array(["a", "b", "c"])[each.mean(axis=0).argmax(axis=1)]).all()


def test_its_metrics_are_those_of_the_mean_answer_and_stand_beside_the_members(run, flowers):
    data = flowers.dataset
    p = answers(run, flowers).mean(axis=0)[data.test, data.y[data.test]]
    assert run.metrics["test"]["loss"] == pytest.approx(-np.log(p).mean(), rel=1e-5)
    alone = [each.metrics["test"]["loss"] for each in run.members]
    assert run.member_metrics["test"]["loss"] == pytest.approx(np.mean(alone))
    assert run.metrics["test"]["loss"] < run.member_metrics["test"]["loss"]  # Jensen's inequality


def test_a_member_is_the_run_of_its_seed(run, recipe, flowers):
    assert [each.seed for each in run.members] == seeds_of(4, COUNT)
    assert run.members[0].seed == 4
    for place in (0, 2):
        alone = fl.train(recipe, flowers, seed=run.members[place].seed)
        assert (alone.best_epoch, len(alone.history)) == (
            run.members[place].best_epoch,
            len(run.members[place].history),
        )
        ours, theirs = (each.answer(flowers.dataset.x)[0] for each in (run.members[place].model, alone.model))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        assert run.members[place].metrics["valid"]["loss"] == pytest.approx(alone.metrics["valid"]["loss"], abs=1e-4)


def test_ensembles_of_neighbouring_seeds_share_no_member():
    assert len({each for seed in range(20) for each in seeds_of(seed, 10)}) == 200


def test_the_same_seed_gives_the_same_bits(run, recipe, flowers):
    again = fl.train(recipe, flowers, members=COUNT, seed=4)
    x = flowers.dataset.x
    assert again.model.answer(x)[0].tobytes() == run.model.answer(x)[0].tobytes()
    assert again.history["train_loss"].tobytes() == run.history["train_loss"].tobytes()


def test_the_spread_is_the_standard_deviation_between_members(run, bag, flowers, prices):
    each = answers(run, flowers)
    np.testing.assert_allclose(run.model.spread(flowers), each.std(axis=0), atol=1e-6)
    frame = run.model.predict(flowers, spread=True, probabilities=True)
    chosen = each.mean(axis=0).argmax(axis=1)
    np.testing.assert_allclose(frame["y spread"], each.std(axis=0)[np.arange(len(chosen)), chosen], atol=1e-6)
    np.testing.assert_allclose(frame["spread b"], each.std(axis=0)[:, 1], atol=1e-6)
    frame = bag.model.predict(prices, spread=True)
    assert frame.columns == ["y", "y spread"]
    np.testing.assert_allclose(frame["y spread"], answers(bag, prices).std(axis=0)[:, 0], rtol=1e-4, atol=1e-3)
    of_each = np.array([each.model.predicted(prices.dataset.x) for each in bag.members], np.float64)
    np.testing.assert_allclose(frame["y"], of_each.mean(axis=0)[:, 0], rtol=1e-12)


def test_a_single_network_has_no_spread(recipe, flowers):
    alone = fl.train(fl.replace(recipe, {"epochs": 1}), flowers)
    with pytest.raises(fl.FalllineError, match="a single network has no spread between members: train with members=5"):
        alone.model.predict(flowers, spread=True)
    with pytest.raises(fl.FalllineError, match="a single network has no spread"):
        alone.model.spread(flowers)


def test_its_words_and_history_speak_of_all_members(run):
    lengths = sorted(len(each.history) for each in run.members)
    assert len(run.history) == lengths[-1]
    assert f"3 members: finished after {lengths[0]} to {lengths[-1]} epochs" in run.sentence  # one used all its epochs
    last = [each.history["valid_loss"][-1] for each in run.members]
    assert run.history["valid_loss"][-1] == pytest.approx(np.mean(last))
    assert run.model.size == sum(each.model.size for each in run.members)


def test_one_member_is_the_plain_run_to_the_bit(recipe, flowers):
    short = fl.replace(recipe, {"epochs": 2})
    plain, one = train_one(short, flowers, seed=3), fl.train(short, flowers, seed=3, members=1)
    assert not isinstance(one, EnsembleRun)
    assert one.model.answer(flowers.dataset.x)[0].tobytes() == plain.model.answer(flowers.dataset.x)[0].tobytes()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"members": 0}, "members = 0 is not a number of networks: expected 1 to 1000"),
        ({"members": True}, "members = True is not a number"),
        ({"members": 2.0}, "members = 2.0 is not a number"),
        ({"bag": 1}, "bag = 1 is not a number of folds: expected 2 to 1000"),
        ({"members": 2, "bag": 2}, "members and bag both say how many"),
        ({"members": 2, "seed": -1}, "seed = -1 is not a whole number"),
        ({"bag": 500}, "fewer than 500 folds"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(recipe, flowers, asked, sentence):
    with pytest.raises(fl.FalllineError, match=sentence):
        fl.train(recipe, flowers, **asked)


def test_a_bag_trains_each_member_without_its_fold(bag, prices):
    data = prices.dataset
    everything = np.sort(np.concatenate([data.train, data.valid]))
    rows = {int(each): [] for each in everything}
    judged = np.full(len(data.x), np.nan)
    for number, member in enumerate(bag.members):
        seen = member.model.seen.among(data.x[everything], data.y[everything])
        assert seen.trained + seen.chose == len(everything)
        assert seen.chose == pytest.approx(len(everything) / COUNT, abs=1)
        fold = [row for row in everything if member.model.seen.among(data.x[[row]], data.y[[row]]).chose]
        assert np.isnan(judged[fold]).all(), number
        judged[fold] = member.model.answer(data.x[fold])[0][:, 0]
        rows = {row: [*who, number] if row in fold else who for row, who in rows.items()}
    assert all(len(who) == 1 for who in rows.values())  # every row is left out once
    error = np.sqrt(np.mean((judged[everything] - data.given[everything, 0]) ** 2))
    assert bag.metrics["out_of_fold"]["rmse"] == pytest.approx(error, rel=1e-6)
    assert "valid" not in bag.metrics
    mean = answers(bag, prices).mean(axis=0)[data.test, 0]
    wanted = np.sqrt(np.mean((mean - data.given[data.test, 0]) ** 2))
    assert bag.metrics["test"]["rmse"] == pytest.approx(wanted, rel=1e-6)
    assert bag.model.seen.among(data.x[everything], data.y[everything]).trained == len(everything)


def test_an_ensemble_comes_back_from_its_file(run, flowers, tmp_path):
    run.model.save(tmp_path / "model.safetensors")
    back = fl.load_predictor(tmp_path)
    x = flowers.dataset.x
    assert isinstance(back, fl.Ensemble)
    assert back.answer(x)[0].tobytes() == run.model.answer(x)[0].tobytes()
    assert back.spread(flowers).tobytes() == run.model.spread(flowers).tobytes()
    assert back.weights == run.model.weights
    assert [each.recipe for each in back.members] == [each.recipe for each in run.model.members]
    assert back.seen.train.tolist() == run.model.seen.train.tolist()


WEIGHT = "0/params/dense_1/weight"
DAMAGE = {
    "a missing array": ({WEIGHT: None}, {}, "member 1 of model .* is damaged: its recipe makes a network of"),
    "a shape": ({WEIGHT: lambda w: w.reshape(-1)}, {}, "member 1 of model .* is damaged: its array"),
    "no number": ({WEIGHT: lambda w: w * np.nan}, {}, "member 1 of model .* numbers of its array .* are not finite"),
    "a stranger": ({"9/params/dense_1/weight": lambda _: np.zeros(3, np.float32)}, {}, "belongs to no member"),
    "weights": ({}, {"weights": [0.5, 0.2, 0.2]}, "do not sum to 1"),
    "negative weights": ({}, {"weights": [1.0, 0.5, -0.5]}, "weights.2 is -0.5"),
    "too few weights": ({}, {"weights": [1.0]}, "3 members and 1 weights"),
    "no members": ({}, {"members": [], "weights": []}, "0 members"),
    "another recipe": ({}, {"members": "change"}, "member 1 of model .* is damaged"),
    "no schema": ({}, {"schema": None}, "schema"),
    "outputs": ({}, {"outputs": 7}, "it says 7 outputs"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_any_member_is_found(run, tmp_path, damage):
    arrays, description, sentence = DAMAGE[damage]
    path = tmp_path / "model.safetensors"
    run.model.save(path)
    found, described = load_tensors(path, "model")
    for name, change in arrays.items():
        array = found.pop(name, None)
        if change is not None:
            found[name] = change(array)
    if description.get("members") == "change":
        changed = json.loads(json.dumps(described["members"]))
        changed[0]["model"]["hidden"] = [7]
        description = {"members": changed}
    save_tensors(path, found, described | description)
    with pytest.raises(fl.FalllineError, match=sentence):
        fl.load_predictor(path)


def test_a_cut_off_file_is_found(run, tmp_path):
    path = tmp_path / "model.safetensors"
    run.model.save(path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(fl.FalllineError, match="is damaged"):
        fl.load_predictor(path)


class CutError(Exception):
    """Ends a training between two chunks, as a kill would."""


@pytest.mark.parametrize("how", [{"members": COUNT, "seed": 4}, {"bag": COUNT, "seed": 4}], ids=["members", "bag"])
def test_a_training_that_was_cut_off_goes_on_with_the_same_bits(recipe, flowers, tmp_path, how):
    whole = fl.train(recipe, flowers, **how)

    def cut(moment):
        if moment.epoch >= 4:
            raise CutError

    with pytest.raises(CutError):
        fl.train(recipe, flowers, **how, folder=tmp_path, checkpoint_seconds=0.0, watch=cut)
    begun = []
    resumed = fl.train(recipe, flowers, **how, folder=tmp_path, resume=True, watch=lambda m: begun.append(m.epoch))
    assert begun[0] > 1  # it did not begin again
    x = flowers.dataset.x
    assert resumed.model.answer(x)[0].tobytes() == whole.model.answer(x)[0].tobytes()
    assert resumed.history["valid_loss"].tobytes() == whole.history["valid_loss"].tobytes()
    for other in ({"members": COUNT, "seed": 5}, {"members": COUNT + 1, "seed": 4}, {"seed": 4}):
        with pytest.raises(fl.FalllineError, match="belongs to another"):
            fl.train(recipe, flowers, **other, folder=tmp_path, resume=True)
    for path in tmp_path.glob("checkpoint*.safetensors"):
        path.write_bytes(path.read_bytes()[:-9])
    again = fl.train(recipe, flowers, **how, folder=tmp_path, resume=True)
    assert any("is damaged" in each for each in again.notes)
    assert again.model.answer(x)[0].tobytes() == whole.model.answer(x)[0].tobytes()


def test_a_watch_can_stop_all_members(recipe, flowers):
    run = fl.train(fl.replace(recipe, {"patience": None}), flowers, members=2, watch=lambda moment: True)
    assert len(run.history) < 14
    assert run.outcome is fl.Outcome.STOPPED


def test_members_that_diverge_leave_no_model(recipe, flowers):
    wild = fl.replace(recipe, {"optimizer": fl.SGD(1e25)})
    run = fl.train(wild, flowers, members=2)
    assert run.outcome is fl.Outcome.DIVERGED
    assert not run.learnt
    assert "there is no model to predict with" in run.sentence


def test_a_member_of_weight_0_is_left_out(run):
    assert fl.Ensemble.of(run.model.members, [3.0, 0.0, 1.0]).weights == (0.75, 0.25)


def test_the_graph_of_an_ensemble_holds_the_mean(run, bag, flowers, prices, tmp_path):
    for one, table in ((run, flowers), (bag, prices)):
        done = one.model.to_onnx(tmp_path / "ensemble.onnx")
        assert done.difference < 1e-5
        import onnxruntime

        session = onnxruntime.InferenceSession(str(tmp_path / "ensemble.onnx"))
        name = session.get_inputs()[0].name
        dtype = np.float32 if session.get_inputs()[0].type == "tensor(float)" else np.float64
        theirs = session.run(None, {name: table.dataset.x.astype(dtype)})[-1]
        np.testing.assert_allclose(theirs, one.model.answer(table.dataset.x)[0], rtol=1e-5, atol=1e-5)
    weighted = fl.Ensemble.of(run.model.members, [0.7, 0.2, 0.1])
    assert weighted.to_onnx(tmp_path / "weighted.onnx").difference < 1e-6


def test_members_with_bins_give_an_interval_of_their_mixture(recipe, prices):
    binned = fl.replace(recipe, {"loss": fl.BinnedCrossEntropy(bins=6), "patience": None, "epochs": 20})
    for how in ({"members": 2}, {"bag": 2}):
        run = fl.train(binned, prices, **how)
        low, high = run.model.interval(prices, 0.8)
        y = prices.dataset.given
        assert ((low <= high) & np.isfinite(low)).all()
        assert 0.6 < ((low <= y) & (y <= high)).mean() <= 1.0
        bounds = np.array([each.model.interval(prices, 0.8) for each in run.members])
        assert (low >= bounds[:, 0].min(axis=0) - 1e-6 * abs(low)).all()
        assert (high <= bounds[:, 1].max(axis=0) + 1e-6 * abs(high)).all()


def test_members_of_two_tables_make_no_ensemble(run, bag):
    with pytest.raises(fl.FalllineError, match="must be of one table"):
        fl.Ensemble.of([run.model.members[0], bag.model.members[0]])
    for members, weights in (([], None), (run.model.members, [1.0]), (run.model.members, [0, 0, 0])):
        with pytest.raises(fl.FalllineError, match="needs at least one member"):
            fl.Ensemble.of(members, weights)


@pytest.mark.parametrize(
    ("loss", "table"),
    [(fl.BinaryCrossEntropy(), "two"), (fl.Hinge(), "flowers"), (fl.Poisson(), "counts"), (fl.Huber(), "prices")],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_the_loss_of_the_mean_answer(loss, table, recipe, flowers, prices):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    if table == "two":
        data = fl.Table.from_arrays(x, x[:, 0] + rng.normal(size=80) > 0, valid=0.2)
    elif table == "counts":
        data = fl.Table.from_arrays(x, rng.poisson(np.exp(x[:, 0])).astype(float), task="regression", valid=0.2)
    else:
        data = {"flowers": flowers, "prices": prices}[table]
    run = fl.train(fl.replace(recipe, {"loss": loss, "epochs": 4}), data, members=2)
    first, rows = run.members[0].model, data.dataset.test
    answer = np.mean([each.model.answer(data.dataset.x[rows])[0] for each in run.members], axis=0, dtype=np.float64)
    y = data.schema.target.condition(data.dataset.given)[rows]
    if table == "two":
        losses = -np.log(answer[np.arange(len(rows)), y])
    elif table == "flowers":
        z = np.log(answer)
        lead = z[np.arange(len(rows)), y]
        rivals = np.where(np.arange(3) == y[:, None], -np.inf, z).max(axis=1)
        losses = np.maximum(0, 1 + rivals - lead)
    else:
        scaling, scaler = first.arrays["target_scaling"], first.recipe.target_scaler
        seen = data.schema.target.condition(answer)
        z, y = (np.asarray(scaler.apply(scaling, each), np.float64) for each in (seen, y))
        losses = np.asarray(loss(np.log(z) if table == "counts" else z, y))
    assert run.metrics["test"]["loss"] == pytest.approx(losses.mean(), rel=2e-4)
