"""The peers of `accuracy.py`: scikit-learn's network, boosted trees, RealMLP and TabM, each fitted as its users would."""

import time
from collections.abc import Callable

import numpy as np
import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def peer(label: str, seconds: float) -> Callable:
    """A function of a split and a seed that returns predictions for the test rows."""
    known = {
        "sklearn": _sklearn, "lightgbm": _lightgbm, "catboost": _catboost, "realmlp": _pytabkit("RealMLP_TD"),
        "tabm": _pytabkit("TabM_D"), "lightgbm_tuned": _tuned(_lightgbm, LIGHTGBM, seconds),
        "catboost_tuned": _tuned(_catboost, CATBOOST, seconds),
    }  # fmt: skip
    if label not in known:
        raise SystemExit(f"peer {label!r} is unknown: expected one of {', '.join(known)}")
    return known[label]


LIGHTGBM = {
    "learning_rate": lambda rng: float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))),
    "num_leaves": lambda rng: int(np.exp(rng.uniform(np.log(7), np.log(255)))),
    "min_child_samples": lambda rng: int(np.exp(rng.uniform(np.log(3), np.log(100)))),
    "subsample": lambda rng: float(rng.uniform(0.5, 1)),
    "colsample_bytree": lambda rng: float(rng.uniform(0.5, 1)),
    "reg_lambda": lambda rng: float(np.exp(rng.uniform(np.log(1e-3), np.log(10)))),
}
CATBOOST = {
    "learning_rate": lambda rng: float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))),
    "depth": lambda rng: int(rng.integers(4, 9)),
    "l2_leaf_reg": lambda rng: float(np.exp(rng.uniform(np.log(0.5), np.log(20)))),
    "random_strength": lambda rng: float(np.exp(rng.uniform(np.log(0.1), np.log(10)))),
}


def _parts(frame: pl.DataFrame, target: str) -> tuple:
    """Columns as pandas and the target; text columns become categories."""
    import pandas as pd

    x = pd.DataFrame({name: frame[name].to_list() for name in frame.columns if name != target})
    for name in x.columns:
        if frame[name].dtype == pl.String:
            x[name] = x[name].astype(object).where(x[name].notna(), "missing")
        else:
            x[name] = x[name].astype(float)
    return x, frame[target].to_numpy()


def _texts(x) -> list[str]:
    return [name for name in x.columns if x[name].dtype == object]


def _answer(model, x, classes: list[str]) -> np.ndarray:
    """Probabilities in the order of the classes, or numbers."""
    if not classes:
        return np.asarray(model.predict(x)).ravel()
    known, p = [str(each) for each in model.classes_], model.predict_proba(x)
    return np.stack([p[:, known.index(each)] if each in known else np.zeros(len(p)) for each in classes], axis=1)


def _sklearn(split, seed: int) -> np.ndarray:
    """scikit-learn's MLP with its defaults, behind imputation, scaling and one-hot columns."""
    x, y = _parts(split.train, split.target)
    texts = _texts(x)
    numbers = [name for name in x.columns if name not in texts]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    )
    model = make_pipeline(columns, (MLPClassifier if split.classes else MLPRegressor)(random_state=seed))
    if not split.classes:  # a network without a scaled target is no fair peer
        from sklearn.compose import TransformedTargetRegressor

        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    return _answer(model.fit(x, y), _parts(split.test, split.target)[0], split.classes)


def _lightgbm(split, seed: int, stop: tuple | None = None, **settings) -> np.ndarray:
    """LightGBM; with `stop`, rows that decide the number of trees."""
    import lightgbm

    x, y = _parts(split.train, split.target)
    rows = _parts(split.test, split.target)[0]
    for name in _texts(x):
        levels = sorted(set(x[name]))
        for each in (x, rows):
            each[name] = each[name].astype("category").cat.set_categories(levels)
    kind = lightgbm.LGBMClassifier if split.classes else lightgbm.LGBMRegressor
    bagging = {"subsample_freq": 1} if "subsample" in settings else {}
    model = kind(random_state=seed, verbose=-1, n_jobs=1, **bagging, **settings)
    if stop is None:
        return _answer(model.fit(x, y), rows, split.classes)
    train, valid = stop
    model.set_params(n_estimators=2000)
    quiet = lightgbm.early_stopping(50, verbose=False)
    model.fit(x.iloc[train], y[train], eval_set=[(x.iloc[valid], y[valid])], callbacks=[quiet])
    return _answer(model, rows, split.classes), _answer(model, x.iloc[valid], split.classes)


def _catboost(split, seed: int, stop: tuple | None = None, **settings) -> np.ndarray:
    """CatBoost; with `stop`, rows that decide the number of trees."""
    import catboost

    x, y = _parts(split.train, split.target)
    rows = _parts(split.test, split.target)[0]
    kind = catboost.CatBoostClassifier if split.classes else catboost.CatBoostRegressor
    options = {
        "random_seed": seed,
        "verbose": 0,
        "thread_count": 1,
        "cat_features": _texts(x),
        "allow_writing_files": False,
    }
    if stop is None:
        return _answer(kind(**options, **settings).fit(x, y), rows, split.classes)
    train, valid = stop
    model = kind(iterations=2000, early_stopping_rounds=50, **options, **settings)
    model.fit(x.iloc[train], y[train], eval_set=(x.iloc[valid], y[valid]))
    return _answer(model, rows, split.classes), _answer(model, x.iloc[valid], split.classes)


def _tuned(fit: Callable, space: dict, seconds: float) -> Callable:
    """Random search for a time, each trial with early stopping on a fifth of the rows; the best trial predicts."""

    def predict(split, seed: int) -> np.ndarray:
        from accuracy import loss

        rng, end = np.random.default_rng(seed), time.perf_counter() + seconds
        y = split.train[split.target].to_numpy()
        train, valid = train_test_split(
            np.arange(len(y)), test_size=0.2, random_state=seed, stratify=y if split.classes else None
        )
        judged, best = split._replace(test=split.train[valid]), (float("inf"), None)
        while time.perf_counter() < end:
            settings = {name: draw(rng) for name, draw in space.items()}
            answer, held = fit(split, seed, (train, valid), **settings)
            best = min(best, (loss(judged, held)[0], answer), key=lambda each: each[0])
        return best[1]

    return predict


def _pytabkit(name: str) -> Callable:
    """A network of pytabkit with its tuned defaults."""

    def predict(split, seed: int) -> np.ndarray:
        import pytabkit

        x, y = _parts(split.train, split.target)
        rows = _parts(split.test, split.target)[0]
        for column in x.columns:
            if x[column].dtype == object:
                x[column], rows[column] = x[column].astype("category"), rows[column].astype("category")
            else:
                middle = x[column].median()
                x[column], rows[column] = x[column].fillna(middle), rows[column].fillna(middle)
        kind = getattr(pytabkit, f"{name}_{'Classifier' if split.classes else 'Regressor'}")
        model = kind(random_state=seed, device="cpu", n_threads=1, verbosity=0).fit(x, y)
        return _answer(model, rows, split.classes)

    return predict
