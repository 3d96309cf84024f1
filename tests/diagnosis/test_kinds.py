"""Each kind fires on its own evidence and is silent on its look-alikes; all evidence is made by hand."""

import dataclasses

import numpy as np
import pytest

import fallline as fl
from fallline.diagnosis import KINDS, TABLE, judge
from fallline.diagnosis.evidence import Answers
from fallline.diagnosis.facts import Facts
from fallline.testing import checks
from fallline.testing import evidence as hand

healthy, history_of, layers_of, recipe_of = hand.healthy, hand.history_of, hand.layers_of, hand.recipe_of

E = np.arange(hand.EPOCHS)
FALL = history_of()["train_loss"]
POOR = {split: {"loss": 1.1, "accuracy": 0.36, "balanced_accuracy": 0.34} for split in ("train", "valid", "test")}
UNLIKE = np.abs(np.sin(7.0 * E))


def regression(facts, **changes):
    return healthy("regression", facts=facts, **changes)


def numbers(**changes):
    return dataclasses.replace(healthy("regression").facts, **changes)


def split(**changes):
    return dataclasses.replace(healthy().split, **changes)


def columns(**changes):
    return dataclasses.replace(healthy().columns, **changes)


def noisy_labels(share):
    held = hand.answers_of(wrong=0.02)
    flipped = np.random.default_rng(1).random(len(held.target)) < share
    return dataclasses.replace(held, target=np.where(flipped, (held.target + 1) % 3, held.target))


def numbered(rounded_right):
    """Held-out rows of a regression with five whole values, and a forest that names them rightly."""
    rng = np.random.default_rng(0)
    target = rng.integers(5, size=(200, 1)).astype(float)
    said = np.where(rng.random((200, 1)) < rounded_right, target, target + 1)
    return Answers(said, target, np.zeros(200), np.zeros((200, 1)), np.column_stack([said, target]))


DIVERGED = {"outcome": "diverged", "history": {"epoch": [1], "train_loss": np.array([np.inf])}}
CASES = {
    "rate_diverges": [healthy(**DIVERGED)],
    "rate_jumps": [
        healthy(
            metrics=POOR,
            history=history_of(train_loss=np.where(E < 2, 50.0, 1.09), dense_1__update_ratio=0 * FALL + 0.5),
        )
    ],
    "rate_oscillates": [
        healthy(metrics=POOR, history=history_of(train_loss=0.8 + 0.3 * UNLIKE, dense_1__update_ratio=0 * FALL + 0.1))
    ],
    "rate_low": [
        healthy(
            metrics=POOR,
            history=history_of(
                train_loss=1.1 - 1e-3 * E, **{f"dense_{i}__update_ratio": 1e-6 + 0 * FALL for i in (1, 2, 3)}
            ),
        )
    ],
    "schedule_ended": [
        healthy(
            metrics=POOR,
            history=history_of(learning_rate=1e-3 * 0.05 ** (E // 4), train_loss=np.where(E < 8, 1.1 - 0.05 * E, 0.75)),
        )
    ],
    "vanishing": [healthy(metrics=POOR, history=history_of(dense_1__gradient_norm=1e-7 + 0 * FALL))],
    "exploding": [healthy(metrics=POOR, history=history_of(dense_1__gradient_norm=500.0 + 0 * FALL))],
    "dead_at_start": [healthy(opening=layers_of(dead=np.array([0.9, 0.0])))],
    "dying": [healthy(metrics=POOR, history=history_of(dense_2__dead=np.where(E < 5, 0.1, 0.95)))],
    "saturated": [healthy(metrics=POOR, history=history_of(dense_1__saturated=0.9 + 0 * FALL))],
    "symmetric_weights": [healthy(opening=layers_of(alike=np.array([1.0, 0.2, 0.2])))],
    "mis_scaled_weights": [
        healthy(opening=layers_of(weight=np.array([5.0, 0.1, 0.1]))),
        healthy(opening=layers_of(weight=np.array([1e-3, 1e-3, 0.1]))),
    ],
    "first_loss": [healthy(opening=layers_of(loss=20.0)), healthy(opening=layers_of(loss=0.1))],
    "non_finite": [
        healthy(opening=layers_of(loss=np.nan)),
        healthy(history=history_of(valid_loss=np.where(E > 9, np.inf, FALL))),
    ],
    "wrong_gradient": [healthy(gradient="The gradient of a network with Bent is wrong.")],
    "unscaled_inputs": [healthy(columns=columns(size=np.array([2e4, 1.0, 1.0, 500.0])))],
    "dominating_input": [healthy(columns=columns(size=np.array([50.0, 1.0, 1.0, 1.0])))],
    "target_outliers": [regression(numbers(outliers=0.005, outlier_weight=0.95, kurtosis=300.0))],
    "heavy_tail": [regression(numbers(outliers=0.05, outlier_weight=0.9, kurtosis=90.0))],
    "count_target": [regression(numbers(whole=True, low=0.0, high=31.0, distinct=30, mean=6.0, variance=30.0))],
    "as_numbers": [regression(numbers(whole=True, low=0.0, high=4.0, distinct=5), held=numbered(0.5))],
    "bounded_target": [
        regression(
            numbers(low=0.0, high=1.0, edges=0.2),
            held=Answers(
                np.linspace(-0.3, 1.2, 100)[:, None], np.linspace(0, 1, 100)[:, None], np.zeros(100), np.zeros((100, 1))
            ),
        )
    ],
    "overfits": [
        healthy(
            best_epoch=40,
            metrics={"train": {"loss": 0.01, "accuracy": 1.0}, "valid": {"loss": 1.0, "accuracy": 0.75}},
            history=history_of(train_loss=FALL - 0.14, valid_loss=0.4 + 0.02 * np.abs(E - 8)),
        )
    ],
    "underfits": [
        healthy(
            recipe=recipe_of(**{"model.hidden": (1,)}),
            metrics={s: {"loss": 0.7, "accuracy": 0.6} for s in ("train", "valid")},
            history=history_of(train_loss=0.7 + 0 * FALL, valid_loss=0.7 + 0 * FALL),
        )
    ],
    "penalty_strong": [
        healthy(recipe=recipe_of(penalty=fl.L2(1.0)), metrics=POOR, history=history_of(train_objective=2.5 * FALL))
    ],
    "dropout_strong": [healthy(recipe=recipe_of(**{"model.dropout": 0.95}), metrics=POOR)],
    "noisy_batch": [
        healthy(
            recipe=recipe_of(batch_size=1),
            metrics=POOR,
            closing=layers_of(signal=0.01),
            history=history_of(dense_1__update_ratio=0 * FALL + 5e-3),
        )
    ],
    "few_steps": [
        healthy(
            recipe=recipe_of(batch_size="all"), steps=40, metrics=POOR, history=history_of(train_loss=1.1 - 0.015 * E)
        )
    ],
    "norm_batch_small": [healthy(recipe=recipe_of(batch_size=3, **{"model.batch_norm": True}))],
    "layer_misplaced": [
        healthy(recipe=recipe_of(model=fl.Network((fl.Dense(8), fl.Dropout(0.5), fl.BatchNorm(), fl.ReLU()))))
    ],
    "imbalance": [
        healthy(
            facts=Facts(0.95, (760, 40), 0.2),
            metrics={s: {"loss": 0.2, "accuracy": 0.95, "balanced_accuracy": 0.5} for s in ("train", "valid")},
        )
    ],
    "label_noise": [
        healthy(
            held=noisy_labels(0.2),
            metrics={s: {"loss": 0.6, "accuracy": 0.78, "balanced_accuracy": 0.78} for s in ("train", "valid")},
        )
    ],
    "leak": [
        healthy(columns=columns(skill=np.array([0.999, 0.3, 0.2, 0.1]))),
        healthy(columns=columns(skill=np.array([0.95, 0.93, 0.2, 0.1]), counts=np.array([True, False, False, False]))),
    ],
    "never_predicted": [
        healthy(held=dataclasses.replace(hand.answers_of(), answer=hand.answers_of().answer * [1, 1, 0]))
    ],
    "segment_missed": [
        healthy(
            held=dataclasses.replace(
                hand.answers_of(),
                x=np.column_stack([hand.answers_of().answer[:, :3], np.arange(400) % 5 == 0]).astype(float),
                target=np.where(np.arange(400) % 5 == 0, 0, hand.answers_of().target),
            )
        )
    ],
    "miscalibrated": [
        healthy(
            held=dataclasses.replace(
                noisy_labels(0.3), member=None, answer=np.clip(hand.answers_of(wrong=0.02).answer, 0.001, 0.999)
            )
        )
    ],
    "twins": [healthy(split=split(twins=0.3))],
    "drift": [healthy(split=split(auc=0.9))],
    "validation_small": [healthy(rows={"train": 800, "valid": 60, "test": 400})],
    "stopped_early": [
        healthy(history=history_of(train_loss=1.0 - 0.02 * E, valid_loss=1.05 - 0.02 * E)),
        healthy(history={name: each[:3] for name, each in history_of().items()}, best_epoch=3),
        # The last epochs of a schedule that ends at zero gain little, and the trend promises much all the same.
        healthy(
            history={name: each[:6] for name, each in history_of().items()}
            | {"valid_loss": np.array([0.41, 0.22, 0.17, 0.149, 0.1405, 0.14])},
            best_epoch=6,
        ),
    ],
    "worse_than_baseline": [healthy(metrics=POOR)],
}
LOOK_ALIKES = {
    "healthy classes": healthy(),
    "healthy numbers": healthy("regression"),
    "a gap with validation still good": healthy(
        metrics={
            "train": {"loss": 0.01, "accuracy": 1.0},
            "valid": {"loss": 0.2, "accuracy": 0.94, "balanced_accuracy": 0.94},
        }
    ),
    "early stopping has kept the best epoch": healthy(
        outcome="stopped_early", best_epoch=12, history=history_of(valid_loss=np.where(E < 12, FALL, 0.3 + 0.004 * E))
    ),
    "validation better than training": healthy(history=history_of(valid_loss=0.8 * FALL)),
    "converged, with tiny updates": healthy(
        history=history_of(**{f"dense_{i}__update_ratio": np.where(E < 10, 3e-3, 1e-6) for i in (1, 2, 3)})
    ),
    "all gradients small at the end": healthy(
        history=history_of(**{f"dense_{i}__gradient_norm": np.where(E < 20, 0.2, 1e-9) for i in (1, 2, 3)})
    ),
    "one spike of the gradient that does no harm": healthy(
        history=history_of(dense_1__gradient_norm=np.where(E == 3, 900.0, 0.2))
    ),
    "a sparse code of a network that has learnt": healthy(
        metrics={s: {"loss": 0.02, "accuracy": 0.99, "balanced_accuracy": 0.99} for s in ("train", "valid")},
        history=history_of(dense_1__dead=0.75 + 0 * FALL),
    ),
    "confident outputs late in a run": healthy(history=history_of(dense_1__saturated=np.where(E < 25, 0.1, 0.9))),
    "batches of one row that learn": healthy(recipe=recipe_of(batch_size=1), closing=layers_of(signal=0.01)),
    "an easy table: several columns tell the class": healthy(columns=columns(skill=np.array([0.98, 0.96, 0.4, 0.1]))),
    "few discrete columns: equal rows are no copies": healthy(split=split(twins=0.6, distinct=0.01)),
    "a column in hundreds beside others in tens": healthy(columns=columns(size=np.array([3.0, 1.0, 0.2, 0.05]))),
    "a rare class that is predicted": healthy(
        skills={"constant": 0.0, "linear": 0.15, "forest": 0.2},
        facts=Facts(0.95, (760, 40), 0.2),
        metrics={s: {"loss": 0.1, "accuracy": 0.96, "balanced_accuracy": 0.85} for s in ("train", "valid")},
    ),
    "whole numbers far from zero": regression(
        numbers(whole=True, low=25.0, high=346.0, distinct=200, mean=150.0, variance=5900.0)
    ),
    "grades, rounded well": regression(numbers(whole=True, low=3.0, high=8.0, distinct=6), held=numbered(0.95)),
    "skewed prices": regression(numbers(kurtosis=4.0, outliers=0.01, outlier_weight=0.2)),
    "raw units: a loss in thousands": regression(
        numbers(spread=3e3, variance=9e6),
        recipe=recipe_of("regression", target_scaler=None),
        history=history_of(train_loss=9e6 * FALL / FALL[0], valid_loss=9e6 * FALL / FALL[0]),
    ),
    "one dead layer's worth of a few rows": healthy(history=history_of(dense_1__dead=0.35 + 0 * FALL)),
}


@pytest.mark.parametrize(("name", "evidence"), [(name, each) for name, many in CASES.items() for each in many])
def test_it_fires_on_its_own_evidence(name, evidence):
    kind = next(each for each in KINDS if each.name == name)
    found = kind.judge(evidence)
    assert found is not None
    assert found.name == name
    assert 0 < found.confidence <= 1
    for sentence in (found.evidence, found.cause):
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert sentence.endswith(".")
    assert found.name in judge(evidence).names


def test_every_kind_has_evidence_of_its_own():
    assert set(CASES) == {each.name for each in KINDS}
    assert len(KINDS) >= 30


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alikes_are_silent(name):
    found = judge(LOOK_ALIKES[name])
    assert found.healthy, [(each.name, each.evidence) for each in (*found.findings, *found.explained)]
    assert "overfitting" in found.subjects["fit and regularisation"]
    assert {title for titles in found.subjects.values() for title in titles} == set(found.checked)


def test_remedies_change_the_recipe_or_are_left_out():
    for name, many in CASES.items():
        for evidence in many:
            for finding in judge(evidence).findings:
                for remedy in finding.remedies:
                    assert remedy.apply(evidence.recipe) != evidence.recipe, (name, remedy.name)


def test_a_kind_without_its_evidence_says_nothing():
    bare = healthy(opening=None, closing=None, held=None, columns=None, split=None, gradient=None)
    found = judge(bare)
    assert found.healthy
    assert "vanishing gradients" in found.checked
    assert "label noise" in found.unseen
    assert all("label noise" not in titles for titles in found.subjects.values())


def test_explanations_name_known_kinds_and_suppress():
    names = {each.name for each in KINDS}
    for kind in KINDS:
        assert set(kind.explains) <= names, kind.name
        assert kind.name not in kind.explains
        assert kind.title
        assert kind.measures
    evidence = dataclasses.replace(healthy(metrics=POOR), history=history_of(dense_1__gradient_norm=1e-7 + 0 * FALL))
    found = judge(evidence)
    assert found.findings[0].name == "vanishing"
    assert "worse_than_baseline" in [each.name for each in found.explained]


def test_the_table_has_a_reason_and_a_source_for_every_number():
    for name, each in TABLE.items():
        assert each.reason, name
        assert each.source, name


def test_a_kind_of_ones_own_is_one_class():
    class LargeWeights(fl.diagnosis.Kind):
        name, title = "large_weights", "weights have grown large"
        measures = "the standard deviation of each layer's weights at the end"
        severity, needs = 0.5, ("closing",)

        def judge(self, evidence):
            largest = evidence.closing.weight.max()
            if largest < 5:
                return None
            return self.found(f"A layer's weights deviate by {largest:.3g}.", "No penalty.", 0.8, {"largest": largest})

    kinds = [*KINDS, LargeWeights()]
    assert judge(healthy(), kinds).healthy
    assert "weights have grown large" in judge(healthy(), kinds).checked
    grown = healthy(closing=layers_of(weight=np.array([9.0, 1.0, 1.0])))
    assert judge(grown, kinds).findings[0].numbers == {"largest": 9.0}
    assert judge(dataclasses.replace(grown, closing=None), kinds).healthy


@pytest.mark.parametrize(
    ("check", "kind"), [(check, kind) for kind in KINDS for check in checks(kind)], ids=lambda each: each.name
)
def test_contract(check, kind):
    check(kind)
