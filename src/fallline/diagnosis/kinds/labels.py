"""Labels: rare classes, wrong labels, columns that give them away, answers that never come."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind, Remedy
from fallline.diagnosis.evidence import Answers, Evidence
from fallline.diagnosis.thresholds import limit
from fallline.losses import BinaryCrossEntropy, SoftmaxCrossEntropy


class Imbalance(Kind):
    """One class is so common that the model answers little else."""

    name: ClassVar[str] = "imbalance"
    title: ClassVar[str] = "class imbalance ignored"
    subject: ClassVar[str] = "classes and labels"
    measures: ClassVar[str] = "accuracy beside the share of the largest class, and the mean accuracy over classes"
    severity: ClassVar[float] = 0.8
    needs: ClassVar[tuple[str, ...]] = ("facts",)
    explains: ClassVar[tuple[str, ...]] = ("never_predicted", "worse_than_baseline", "underfits", "segment_missed")

    def judge(self, evidence: Evidence) -> Finding | None:
        facts = evidence.facts
        assert facts is not None
        if evidence.task != "classification" or not facts.counts or facts.largest < limit("imbalance"):
            return None
        split = evidence.scored_on
        gain = evidence.score(split) - facts.largest
        balanced = evidence.value("balanced_accuracy", split)
        chance = 1.0 / len(facts.counts)
        if not gain <= limit("ignored") + 0.02 or not balanced <= chance + 0.25:
            return None
        return self.found(
            f"{100 * facts.largest:.0f} % of the training rows belong to one class. The accuracy is "
            f"{100 * evidence.score(split):.1f} %, but the mean accuracy over classes is {100 * balanced:.1f} %, where chance is "
            f"{100 * chance:.0f} %.",
            "Answering the largest class is nearly optimal for the loss, so the rare classes are not learnt.",
            0.9 if balanced < chance + 0.1 else 0.75,
            {"largest": facts.largest, "accuracy": evidence.score(split), "balanced": balanced},
            remedies=_weighted(),
        )


def _weighted() -> list[Remedy]:
    return [
        Remedy("rows weighted by their class", {"class_weight": "balanced"}),
        Remedy("early stopping by the mean accuracy over classes", {"monitor": "balanced_accuracy"}),
    ]


class LabelNoise(Kind):
    """Labels that contradict answers which two different models are sure of."""

    name: ClassVar[str] = "label_noise"
    title: ClassVar[str] = "label noise"
    subject: ClassVar[str] = "classes and labels"
    measures: ClassVar[str] = (
        "how often the label differs on the held-out rows that the network and a forest answer most surely"
    )
    severity: ClassVar[float] = 0.7
    needs: ClassVar[tuple[str, ...]] = ("held",)
    explains: ClassVar[tuple[str, ...]] = ("overfits", "miscalibrated", "segment_missed", "worse_than_baseline")

    def judge(self, evidence: Evidence) -> Finding | None:
        held = evidence.held
        assert held is not None
        if evidence.task != "classification" or held.member is None or len(held.target) < limit("rows_judged"):
            return None
        classes = held.answer.shape[1]
        both = np.flatnonzero(held.answer.argmax(axis=1) == held.member.argmax(axis=1))
        surest = held.answer[both].max(axis=1) + held.member[both].max(axis=1)
        count = int(limit("sure_rows") * len(held.target))
        if len(both) < count or count < 30 or evidence.skill(evidence.scored_on) < 0.05:
            return None
        top = both[np.argsort(-surest)[:count]]
        wrong = held.answer[top].argmax(axis=1) != held.target[top]
        share = float(wrong.mean())
        low = share - 1.645 * float(np.sqrt(max(share * (1 - share), 1e-4) / count))
        if low < limit("noise_share") * 0.6 or share < limit("noise_share"):
            return None
        rows = top[wrong]
        order = rows[np.argsort(-held.loss[rows])][:5]
        return self.found(
            f"On the {count} held-out rows that the network and a forest answer most surely, and alike, the label differs on "
            f"{100 * share:.0f} %. Wrong labels would be spread over all {classes} classes; hard rows would be the unsure ones.",
            f"About {100 * share:.0f} % of the labels are wrong, or the columns lack what decides them.",
            min(0.95, 0.5 + 5 * low),
            {"share": share, "lower_bound": low, **{f"held_row_{i + 1}": float(row) for i, row in enumerate(order)}},
            remedies=_smoothing(evidence)
            + change.dropout(evidence.recipe, 0.3)
            + change.penalty(evidence.recipe, 1e-3),
            advice="Look at the labels of the rows with the largest losses; `fallline doctor --json` lists their places.",
        )


def _smoothing(evidence: Evidence) -> list[Remedy]:
    choices = {"softmax_cross_entropy": SoftmaxCrossEntropy(0.1), "binary_cross_entropy": BinaryCrossEntropy(0.1)}
    loss = choices.get(evidence.recipe.loss.name)
    return [] if loss is None else [Remedy("labels smoothed by 0.1", {"loss": loss})]


class Leak(Kind):
    """One column that gives the target away."""

    name: ClassVar[str] = "leak"
    title: ClassVar[str] = "leakage: one column tells the target"
    subject: ClassVar[str] = "inputs"
    measures: ClassVar[str] = (
        "the skill of every column alone, beside the next best one, and whether it counts the rows"
    )
    severity: ClassVar[float] = 0.95
    needs: ClassVar[tuple[str, ...]] = ("columns",)
    explains: ClassVar[tuple[str, ...]] = (
        "first_loss",
        "validation_small",
        "drift",
        "worse_than_baseline",
        "underfits",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        columns = evidence.columns
        assert columns is not None
        if not len(columns.skill):
            return None
        counting = np.flatnonzero(columns.counts & (columns.skill > limit("index_leak")))
        order = np.argsort(-columns.skill)
        best = int(counting[np.argmax(columns.skill[counting])]) if len(counting) else int(order[0])
        skill = float(columns.skill[best])
        others = np.delete(columns.skill, best)
        following = float(others.max()) if len(others) else 0.0
        obvious = skill > limit("leak") and following < limit("leak_next") and len(columns.skill) > 1
        if not len(counting) and not obvious:
            return None
        name = columns.names[best]
        why = (
            "The column counts the rows, and the rows are sorted by the target."
            if len(counting)
            else "The column seems to be a copy or a consequence of the target, which will not be known when predicting."
        )
        return self.found(
            f"Column {name!r} alone reaches a skill of {skill:.3f} (1 is perfect); the next best column reaches "
            f"{following:.3f}.",
            why,
            0.95,
            {"skill": skill, "next": following, "column": float(best)},
            advice=f"Drop it unless it is known when predicting: --kind {name}=drop.",
        )


class NeverPredicted(Kind):
    """A class that exists and is never the answer."""

    name: ClassVar[str] = "never_predicted"
    title: ClassVar[str] = "a class is never predicted"
    subject: ClassVar[str] = "classes and labels"
    measures: ClassVar[str] = "the classes among the held-out rows that are never the answer"
    severity: ClassVar[float] = 0.65
    needs: ClassVar[tuple[str, ...]] = ("held",)
    explains: ClassVar[tuple[str, ...]] = ("segment_missed", "imbalance")

    def judge(self, evidence: Evidence) -> Finding | None:
        held, facts = evidence.held, evidence.facts
        assert held is not None
        if evidence.task != "classification" or not len(held.target):
            return None
        classes = held.answer.shape[1]
        said = np.bincount(held.answer.argmax(axis=1), minlength=classes)
        there = np.bincount(held.target, minlength=classes)
        silent = [c for c in range(classes) if there[c] >= limit("missed_rows") and said[c] == 0]
        if not silent:
            return None
        trained = facts.counts[silent[0]] if facts is not None and facts.counts else 0
        share = there[silent[0]] / len(held.target)
        more = f"; nor are {len(silent) - 1} others" if len(silent) > 1 else ""
        return self.found(
            f"Class number {silent[0] + 1} has {there[silent[0]]} of {len(held.target)} held-out rows ({trained} in training) "
            f"and is never the answer{more}.",
            "It is rare, or its rows look like those of another class."
            if share < 1.0 / classes
            else "The network has not learnt to tell it from the others.",
            0.85,
            {"class": float(silent[0]), "rows": float(there[silent[0]]), "classes": float(len(silent))},
            remedies=[*_weighted(), *change.longer(evidence.recipe), *change.wider(evidence.recipe)],
        )


class SegmentMissed(Kind):
    """A group of rows that the model answers worse than a constant would."""

    name: ClassVar[str] = "segment_missed"
    title: ClassVar[str] = "a segment is answered worse than by a constant"
    subject: ClassVar[str] = "result"
    measures: ClassVar[str] = (
        "the errors within the rows of every category, beside those of the category's commonest answer"
    )
    severity: ClassVar[float] = 0.4
    needs: ClassVar[tuple[str, ...]] = ("held", "columns")

    def judge(self, evidence: Evidence) -> Finding | None:
        held, columns = evidence.held, evidence.columns
        assert held is not None
        assert columns is not None
        if evidence.task != "classification" or len(held.target) < limit("rows_judged"):
            return None
        hits = held.answer.argmax(axis=1) == held.target
        worst, name, numbers = 0.0, "", {}
        for index, column in enumerate(columns.names[: held.x.shape[1]]):
            values = held.x[:, index]
            levels = np.unique(values)
            if len(levels) != 2:
                continue
            inside = values == levels[1]
            count = int(inside.sum())
            if count < 3 * limit("missed_rows") or count > 0.5 * len(values):
                continue
            common = float(np.bincount(held.target[inside]).max() / count)
            accuracy = float(hits[inside].mean())
            error = float(np.sqrt(max(common * (1 - common), 1e-3) / count))
            gap = (common - accuracy) / error
            if gap > max(worst, 3.5) and common - accuracy > 0.1:  # of many segments the worst is often 2.5 by chance
                worst, name = gap, column
                numbers = {"rows": count, "accuracy": accuracy, "commonest": common}
        if not name:
            return None
        return self.found(
            f"Among the {numbers['rows']} held-out rows with {name}, {100 * numbers['accuracy']:.0f} % of the answers are right; "
            f"always answering their commonest class would be right on {100 * numbers['commonest']:.0f} %.",
            "The network applies to this group what holds for the others.",
            0.7,
            numbers,
            remedies=change.wider(evidence.recipe) + change.longer(evidence.recipe),
        )


def calibration(held: Answers, bins: int = 10) -> tuple[float, float]:
    """(mean distance between confidence and accuracy over bins, mean of confidence - accuracy)."""
    sure, hits = held.answer.max(axis=1), (held.answer.argmax(axis=1) == held.target).astype(float)
    order = np.argsort(sure)
    parts = np.array_split(order, bins)
    gaps = [abs(sure[part].mean() - hits[part].mean()) * len(part) for part in parts if len(part)]
    return float(sum(gaps) / len(sure)), float((sure - hits).mean())


class Miscalibrated(Kind):
    """Probabilities that do not say how often the answer is right."""

    name: ClassVar[str] = "miscalibrated"
    title: ClassVar[str] = "probabilities are not calibrated"
    subject: ClassVar[str] = "classes and labels"
    measures: ClassVar[str] = "confidence beside accuracy in ten equal groups of held-out rows"
    severity: ClassVar[float] = 0.5
    needs: ClassVar[tuple[str, ...]] = ("held",)

    def judge(self, evidence: Evidence) -> Finding | None:
        held = evidence.held
        assert held is not None
        loss = evidence.recipe.loss
        if evidence.task != "classification" or len(held.target) < 2 * limit("rows_judged") or not loss.probabilistic:
            return None
        error, bias = calibration(held)
        # Ten groups of calibrated answers differ by chance: the mean of |normal| is 0.8 of its deviation.
        accuracy = float((held.answer.argmax(axis=1) == held.target).mean())
        chance = 0.8 * float(np.sqrt(max(accuracy * (1 - accuracy), 1e-3) / (len(held.target) / 10)))
        if error < limit("miscalibrated") or error < 2.0 * chance:
            return None
        high = bias > 0
        return self.found(
            f"Confidence and accuracy differ by {100 * error:.0f} points on average; the model is "
            f"{100 * abs(bias):.0f} points too {'sure' if high else 'unsure'} of its answers.",
            "The network has been trained far beyond the point where its answers stop improving."
            if high
            else "Smoothing, a penalty or dropout keeps the probabilities away from 0 and 1.",
            0.8,
            {"error": error, "bias": bias},
            remedies=change.kept_best(evidence.recipe) + _smoothing(evidence) + change.dropout(evidence.recipe, 0.3)
            if high
            else [Remedy("unsmoothed labels", {"loss": type(loss)()}), *change.penalty(evidence.recipe, 0.0001)],
            advice="Temperature scaling corrects probabilities after training: --calibrate temperature.",
        )
