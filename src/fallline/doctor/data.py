"""Evidence about the data: what single columns tell, twins, drift, and what a forest answers for held-out rows."""

from typing import Any

import numpy as np

from fallline.data.identity import numbers_of
from fallline.diagnosis.evidence import Answers, Columns, Split
from fallline.diagnosis.facts import filled, held_skill, skill_of, targets_of
from fallline.doctor.case import Case

ROWS = 2_000  # rows that a forest and single columns learn from
HELD = 5_000  # most held-out rows that are answered
COLUMNS = 200  # most columns that are looked at one by one


def held_rows(case: Case) -> np.ndarray:
    """Rows that did not train the model: validation and test."""
    data = case.data.dataset
    rows = np.concatenate([data.valid, data.test])
    return rows[:: max(1, -(-len(rows) // HELD))]


def answers_of(case: Case, forest: Any) -> Answers | None:
    """What the model and a forest answer for the held-out rows; None without such rows or without a model."""
    rows, data = held_rows(case), case.data.dataset
    if not len(rows) or case.model is None:
        return None
    answer, loss = case.model.answer(data.x, case.model.schema.target.condition(data.given), rows)
    if not np.isfinite(answer).all():
        return None
    x = filled(data, rows)
    return Answers(answer.astype(np.float64), data.given[rows], loss.astype(np.float64), x, _member(case, forest, x))


def forest_of(case: Case) -> Any:
    """A forest fitted to some training rows; for numbers with few whole values, also one that takes them as classes."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    data = case.data.dataset
    if data.task == "multilabel" or data.x.shape[1] > 10 * COLUMNS:
        return None
    rows = _some(data.train, ROWS)
    x = filled(data, rows)
    if data.task == "classification":
        return (RandomForestClassifier(100, random_state=0, min_samples_leaf=1).fit(x, data.y[rows]),)
    y = data.given[rows]
    y = y[:, 0] if y.shape[1] == 1 else y
    found = [RandomForestRegressor(60, random_state=0, max_features=0.5, min_samples_leaf=2).fit(x, y)]
    if y.ndim == 1 and (y == np.round(y)).all() and 2 <= len(np.unique(y)) <= 20:
        found.append(RandomForestClassifier(100, random_state=0).fit(x, y.astype(np.int64)))
    return tuple(found)


def _member(case: Case, forest: Any, x: np.ndarray) -> np.ndarray | None:
    if forest is None:
        return None
    if case.data.task == "classification":
        found = np.zeros((len(x), case.data.dataset.n_classes))
        found[:, forest[0].classes_] = forest[0].predict_proba(x)
        return found
    columns = [each.predict(x).reshape(len(x), -1) for each in forest]
    return np.concatenate(columns, axis=1)


def forest_skill(case: Case, forest: Any) -> dict[str, float]:
    """The forest's skill on the rows that judge simple models."""
    data = case.data.dataset
    if forest is None or not len(held_rows(case)):
        return {}

    def answer(rows: np.ndarray) -> np.ndarray:
        found = _member(case, forest[:1], filled(data, rows))
        assert found is not None
        return found

    return {"forest": held_skill(data, targets_of(data, _some(data.train, ROWS)), answer)}


def columns_of(case: Case, scaled: np.ndarray) -> Columns:
    """Sizes of the scaled columns, and what each encoded column tells alone: a small tree, on two halves of the rows."""
    data = case.data.dataset
    width = data.x.shape[1]
    names = case.data.feature_names
    scaled = scaled.reshape(len(scaled), -1).astype(np.float64)
    may = data.scaled if scaled.shape[1] == width else np.ones(scaled.shape[1], bool)
    known = scaled[:, may]
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.full(scaled.shape[1], np.nan)
        size[may] = np.where(known.std(axis=0) > 0, np.sqrt((known**2).mean(axis=0)), np.nan)
    own = names if scaled.shape[1] == width else tuple(f"component {i + 1}" for i in range(scaled.shape[1]))
    if width > COLUMNS or data.task == "multilabel" or len(data.train) < 40:
        return Columns(own, size, np.zeros(0), np.zeros(0, bool))
    rows = _some(data.train, ROWS)
    x = data.x[rows].astype(np.float64)
    x = np.where(np.isfinite(x), x, -1e30)
    skill = np.array([_alone(case, x[:, [j]], rows) for j in range(width)])
    every = np.concatenate([data.train, data.valid, data.test])
    counts = np.array([_counts(data.x[every, j]) for j in range(width)])
    return Columns(own, size, skill, counts)


def _alone(case: Case, x: np.ndarray, rows: np.ndarray) -> float:
    """Skill of one column, as the mean over two halves."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    data = case.data.dataset
    order = np.random.default_rng(0).permutation(len(rows))
    halves = order[::2], order[1::2]
    classes = data.task == "classification"
    found = []
    for learn, ask in (halves, halves[::-1]):
        truth, known = targets_of(data, rows[ask]), targets_of(data, rows[learn])
        if classes:
            tree = DecisionTreeClassifier(max_leaf_nodes=128, min_samples_leaf=3, random_state=0)
            answer = np.zeros(truth.shape)
            labels = tree.fit(x[learn], data.y[rows[learn]]).predict(x[ask])
            answer[np.arange(len(ask)), labels] = 1.0
        else:
            tree = DecisionTreeRegressor(max_leaf_nodes=128, min_samples_leaf=3, random_state=0)
            answer = tree.fit(x[learn], known).predict(x[ask]).reshape(truth.shape)
        found.append(skill_of(data, answer, truth, known))
    return float(np.mean(found))


def _counts(column: np.ndarray) -> bool:
    """Whether a column counts the rows: whole numbers, all different, without large gaps."""
    if len(column) < 40 or not np.isfinite(column).all() or (column != np.round(column)).any():
        return False
    distinct = np.unique(column)
    return len(distinct) == len(column) and float(distinct[-1] - distinct[0]) < 1.5 * len(column)


def split_of(case: Case) -> Split | None:
    """How the held-out rows compare with the training rows."""
    data = case.data.dataset
    held = held_rows(case)
    if not len(held) or not len(data.train):
        return None
    own = numbers_of(data.x[data.train], data.y[data.train])
    others = numbers_of(data.x[held], data.y[held])
    sample = data.x[_some(data.train, ROWS)]
    distinct = max((len(np.unique(column)) / len(column) for column in sample.T[: 10 * COLUMNS]), default=0.0)
    auc, error, name = _drift(case)
    return Split(float(np.isin(others, own).mean()), len(held), distinct, auc, error, name)


def _drift(case: Case) -> tuple[float, float, str]:
    """(AUC, standard error, column) of telling test from training rows by a linear model, on two halves."""
    data = case.data.dataset
    test, train = _some(data.test, ROWS), _some(data.train, ROWS)
    if min(len(test), len(train)) < 25 or data.x.shape[1] > 10 * COLUMNS:
        return float("nan"), float("nan"), ""
    x = filled(data, np.concatenate([train, test]))
    x = np.concatenate([x, np.minimum(x**2, 9.0)], axis=1)
    truth = np.concatenate([np.zeros(len(train)), np.ones(len(test))])
    order = np.random.default_rng(0).permutation(len(truth))
    scores, weights = np.zeros(len(truth)), np.zeros(x.shape[1])
    for ask, learn in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        z = x[learn]
        centre = z.mean(axis=0)
        gram = (z - centre).T @ (z - centre) + np.eye(x.shape[1]) * 0.1 * len(learn)
        w = np.linalg.solve(gram, (z - centre).T @ (truth[learn] - truth[learn].mean()))
        scores[ask] = (x[ask] - centre) @ w
        weights += np.abs(w)
    rank = np.empty(len(scores))
    rank[np.argsort(scores)] = np.arange(1, len(scores) + 1)
    n, m = len(test), len(train)
    auc = float((rank[truth == 1].sum() - n * (n + 1) / 2) / (n * m))
    error = float(np.sqrt(max(auc * (1 - auc), 0.05) / min(n, m)))
    return auc, error, case.data.feature_names[int(np.argmax(weights)) % data.x.shape[1]]


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, drawn evenly."""
    return rows if len(rows) <= most else np.random.default_rng(0).choice(rows, most, replace=False)
