"""A whole search, wall-clock, beside scikit-learn's and Optuna's with scikit-learn's network.

    python benchmarks/search_wall.py digits --who fallline       128 trials x 5 folds; appends to --file
    python benchmarks/search_wall.py adult --who random --source adult/train.csv      64 trials, one split
    python benchmarks/search_wall.py report

`--who`: fallline, fallline-halving (with `Halving`), random and halving (scikit-learn's `RandomizedSearchCV` and
`HalvingRandomSearchCV`, n_jobs=2), optuna (its TPE; folds by `cross_val_score`, n_jobs=2; on one split two trials at a time).

Everyone searches the same: Adam's learning rate and beta1 and the L2 penalty of a network with one hidden layer of 64 units, the
same number of epochs, minibatch, rows, folds and scaled inputs. The score is the accuracy of the validation rows after the
last epoch, mean over folds, the best of the trials so far. Our search itself goes by the best epoch, so its finished trials are
trained once more to be judged so, after the clock has stopped. Fallline starts with an empty cache of compiled programs. When
scikit-learn's searches, which say nothing before they end, had which score is taken from the order of their trials.
"""

import argparse
import itertools
import json
import os
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

FOLDS = 5
CASES = {"digits": (128, 64, 40), "adult": (64, 256, 15)}  # trials, rows per minibatch, epochs
RATE, STRENGTH, BETA1 = (1e-4, 1e-1), (1e-6, 1e-2), (0.5, 0.99)


def rows(case: str, source: Path | None):
    """Inputs, classes and the folds (or the one split) as pairs of indices; Adult's text becomes columns of 0 and 1."""
    if case == "digits":
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        x = x / 16.0
    else:
        import polars as pl

        frame = pl.read_csv(source).with_columns(pl.col(pl.String).fill_null("missing"))
        y = (frame["income"] == frame["income"][0]).to_numpy().astype(int)
        frame = frame.drop("income")
        numbers = frame.select(pl.col(pl.Int64, pl.Float64)).to_numpy().astype(float)
        x = np.concatenate([numbers, frame.select(pl.col(pl.String)).to_dummies().to_numpy()], axis=1)
    from fallline.data.split import folds

    parts = folds(len(x), FOLDS, classes=y)
    pairs = [(np.delete(np.arange(len(x)), part), part) for part in parts]
    pairs = pairs if case == "digits" else pairs[:1]
    train = pairs[0][0]
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    return ((x - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32), y, pairs


def by_fallline(case: str, source: Path | None, seed: int, halving: bool):
    """Seconds of every batch's end, and the score of what was best then."""
    os.environ["FALLLINE_CACHE"] = tempfile.mkdtemp()
    x, y, pairs = rows(case, source)
    trials, batch, epochs = CASES[case]
    began = time.perf_counter()
    import fallline as fl
    from fallline.population import evaluate
    from fallline.scalers import Unscaled

    if case == "digits":
        data = fl.Table.from_arrays(x, y, test=0.0, valid=0.0, task="classification")
    else:
        ((train, valid),) = pairs
        data = fl.Table.from_arrays(
            x[train], y[train], test=0.0, valid_data=(x[valid], y[valid]), task="classification"
        )
    space = fl.Recipe(
        model=fl.MLP(hidden=(64,), dropout=None),
        optimizer=fl.Adam(fl.LogUniform(*RATE), beta1=fl.Uniform(*BETA1)),
        penalty=fl.L2(fl.LogUniform(*STRENGTH)),
        scaler=Unscaled(),
        batch_size=batch,
        epochs=epochs,
        patience=None,
        monitor="accuracy",
    )
    folds, ends = (FOLDS if case == "digits" else None), [(0.0, 0)]
    study = fl.search(
        space,
        data,
        trials=trials,
        folds=folds,
        halving=fl.Halving() if halving else None,
        seed=seed,
        watch=lambda standing: ends.append((time.perf_counter() - began, standing.done)),
    )
    finished = [trial for trial in study.trials if trial.outcome == "finished"]
    again = evaluate([study.space.fill(trial.point) for trial in finished], data, folds=folds)
    last = np.array([again.history(lane)["valid_accuracy"][-1] for lane in range(len(again))])
    score = {trial.number: float(last[again.recipe == i].mean()) for i, trial in enumerate(finished)}
    trace = []
    for (_, before), (when, done) in itertools.pairwise(ends):
        if done > before:
            trace.append((when, max(value for number, value in score.items() if number < done)))
    return trace


def network(case: str, **settings):
    from sklearn.neural_network import MLPClassifier

    _, batch, epochs = CASES[case]
    return MLPClassifier(
        (64,), batch_size=batch, max_iter=epochs, tol=0.0, n_iter_no_change=epochs + 1, random_state=0, **settings
    )


def spans(case: str):
    """The same ranges for scikit-learn, whose penalty is divided by the minibatch."""
    from scipy import stats

    low, high = (CASES[case][1] * each for each in STRENGTH)
    return {
        "learning_rate_init": stats.loguniform(*RATE),
        "alpha": stats.loguniform(low, high),
        "beta_1": stats.uniform(BETA1[0], BETA1[1] - BETA1[0]),
    }


def by_scikit(case: str, source: Path | None, seed: int, halving: bool):
    """The search's own scores, at seconds in proportion to its trials."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

    x, y, pairs = rows(case, source)
    trials = CASES[case][0]
    common = {"cv": pairs, "n_jobs": 2, "refit": False, "random_state": seed}
    began = time.perf_counter()
    if halving:
        # Rounds on ever more rows, which cannot be given as indices: folds (or a split) of its own.
        from sklearn.model_selection import ShuffleSplit

        common["cv"] = FOLDS if case == "digits" else ShuffleSplit(1, test_size=1 / FOLDS, random_state=0)
        search = HalvingRandomSearchCV(
            network(case), spans(case), n_candidates=trials, min_resources="exhaust", **common
        )
    else:
        search = RandomizedSearchCV(network(case), spans(case), n_iter=trials, **common)
    search.fit(x, y)
    seconds = time.perf_counter() - began
    scores = search.cv_results_["mean_test_score"]
    if halving:  # only the last round has seen all rows
        last = search.cv_results_["iter"] == search.cv_results_["iter"].max()
        return [(seconds, float(scores[last].max()))]
    return [(seconds * (i + 1) / trials, float(best)) for i, best in enumerate(np.maximum.accumulate(scores))]


def by_optuna(case: str, source: Path | None, seed: int):
    """The best score after every trial."""
    import optuna
    from sklearn.model_selection import cross_val_score

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    x, y, pairs = rows(case, source)
    low, high = (CASES[case][1] * each for each in STRENGTH)
    began, seen = time.perf_counter(), []

    def objective(trial) -> float:
        settings = {
            "learning_rate_init": trial.suggest_float("rate", *RATE, log=True),
            "alpha": trial.suggest_float("alpha", low, high, log=True),
            "beta_1": trial.suggest_float("beta1", *BETA1),
        }
        scores = cross_val_score(network(case, **settings), x, y, cv=pairs, n_jobs=2 if len(pairs) > 1 else 1)
        seen.append((time.perf_counter() - began, float(scores.mean())))
        return seen[-1][1]

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=CASES[case][0], n_jobs=2 if len(pairs) == 1 else 1)
    best = np.maximum.accumulate([score for _, score in seen])
    return [(when, float(score)) for (when, _), score in zip(seen, best, strict=True)]


WHO = {
    "fallline": lambda case, source, seed: by_fallline(case, source, seed, halving=False),
    "fallline-halving": lambda case, source, seed: by_fallline(case, source, seed, halving=True),
    "random": lambda case, source, seed: by_scikit(case, source, seed, halving=False),
    "halving": lambda case, source, seed: by_scikit(case, source, seed, halving=True),
    "optuna": by_optuna,
}


def report(file: Path) -> None:
    """Print, per case and seed, how long each took to a score that every other one reached, too, and to its end."""
    found = [json.loads(line) for line in file.read_text().splitlines()]
    for case in CASES:
        of_case = [each for each in found if each["case"] == case]
        if not of_case:
            continue
        print(f"\n{case}\n\n| who | seconds | best accuracy | scikit-learn's random search had that after | Optuna |")
        print("|---|---|---|---|---|")
        for each in of_case:
            final = each["trace"][-1]
            others = [beside(each, other, of_case) for other in ("random", "optuna")]
            print(f"| {each['who']}, seed {each['seed']} | {final[0]:.1f} | {final[1]:.4f} | {' | '.join(others)} |")


def beside(ours: dict, other: str, of_case: list[dict]) -> str:
    """When both had the worse one of the two last scores: the other's seconds and how many times ours those are."""
    theirs = next((each for each in of_case if each["who"] == other and each["seed"] == ours["seed"]), None)
    if theirs is None or ours["who"] in ("random", "optuna", "halving"):
        return ""
    target = min(ours["trace"][-1][1], theirs["trace"][-1][1])
    mine, their = (reached(each["trace"], target) for each in (ours, theirs))
    return f"{target:.4f} after {mine:.1f} s; {their:.1f} s there, {their / mine:.1f} times"


def reached(trace: list[list[float]], target: float) -> float:
    """Seconds until the score was first at least the target."""
    return next(when for when, score in trace if score >= target - 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*CASES, "report"))
    parser.add_argument("--who", default=",".join(WHO))
    parser.add_argument("--source", type=Path, help="Adult's train.csv")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--file", type=Path, default=Path("search_wall.jsonl"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    if given.what == "report":
        report(given.file)
        return
    for who in given.who.split(","):
        trace = WHO[who](given.what, given.source, given.seed)
        with given.file.open("a") as file:
            file.write(json.dumps({"case": given.what, "who": who, "seed": given.seed, "trace": trace}) + "\n")
        print(f"{given.what} {who} seed {given.seed}: {trace[-1][0]:.1f} s, accuracy {trace[-1][1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
