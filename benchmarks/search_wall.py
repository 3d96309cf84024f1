"""Wall-clock time of a whole search, beside scikit-learn's and Optuna's searches with scikit-learn's network.

    python benchmarks/search_wall.py digits --who fallline --seeds 0,1,2       128 trials x 5 folds; appends to --file
    python benchmarks/search_wall.py adult --who random --source adult/train.csv      64 trials, one split
    python benchmarks/search_wall.py hardness --source adult/train.csv      how many random trials reach which accuracy
    python benchmarks/search_wall.py report

`--who`: fallline, fallline-halving (with `Halving()`), fallline-study (with `Halving(among="study")`), random and halving
(scikit-learn's `RandomizedSearchCV` and `HalvingRandomSearchCV`, n_jobs=2), optuna (its TPE; folds by `cross_val_score`,
n_jobs=2; on one split two trials at a time).

All search the same space: Adam's learning rate, beta1 and beta2 and the L2 penalty of a network with one hidden layer of 64
units, with the same epochs, minibatch, rows, folds and scaled inputs. All use the same score: the accuracy of the trained
network on the validation rows after its last epoch, as a mean over folds; the report shows the best of the trials so far.
`HalvingRandomSearchCV` cannot take folds as indices; its choice is scored on the common folds after the clock has stopped.

A seed determines both the search and the order of the rows, so every seed has different folds. On a single split of 1,797
rows, a network whose initial weights are luckier by one row would decide every seed alike.

Every search runs in its own process. The clock starts at the first import and includes reading the rows and their split from
one .npz file. (scikit-learn's own loader of digits would import 0.7 s of scikit-learn, which its searches need and ours do
not.) Fallline begins with an empty cache of compiled programs; fallline-kept, fallline-halving-kept and fallline-study-kept
begin with the cache that the same search left with another seed.
scikit-learn's searches report nothing before they end: "at its end" is the time at which their score is known, and "by its
trials" the time at which it would be known to somebody who saw every trial, in proportion to the trial's place.

The ranges are wide enough that few random trials are good (`hardness`); they were chosen by this criterion, before any search
was compared.
"""

import argparse
import functools
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

FOLDS = 5
CASES = {"digits": (128, 64, 40), "adult": (64, 256, 15)}  # trials, rows per minibatch, epochs
LADDER = {"digits": (0.975, 0.98, 0.983), "adult": (0.84, 0.85, 0.853)}
RATE, STRENGTH, BETA1, BETA2 = (1e-5, 1.0), (1e-6, 1.0), (0.0, 0.999), (0.5, 0.9999)


def prepare(case: str, source: Path | None, seed: int) -> Path:
    """Write inputs, classes and a seed's folds to a file; Adult's text becomes columns of 0 and 1."""
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

    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order], y[order]
    parts = folds(len(x), FOLDS, classes=y)
    fold = np.zeros(len(x), int)
    for number, part in enumerate(parts):
        fold[part] = number
    train = fold != 0
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    x = ((x - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
    file = Path(tempfile.mkdtemp()) / "rows.npz"
    np.savez(file, x=x, y=y, fold=fold)
    return file


def rows(case: str, file: Path):
    """Inputs, classes and the folds (or the one split) as pairs of indices."""
    kept = np.load(file)
    x, y, fold = (kept[name] for name in ("x", "y", "fold"))
    validate = range(FOLDS if case == "digits" else 1)
    return x, y, [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in validate]


def begun(case: str, file: Path, strategy: object = None, halving: str | None = None):
    """Our search: the space, the table and the other arguments."""
    x, y, pairs = rows(case, file)
    trials, batch, epochs = CASES[case]
    import fallline as fl

    if case == "digits":
        data = fl.Table.from_arrays(x, y, test=0.0, valid=0.0, task="classification")
    else:
        ((train, valid),) = pairs
        data = fl.Table.from_arrays(
            x[train], y[train], test=0.0, valid_data=(x[valid], y[valid]), task="classification"
        )
    space = fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(64,), dropout=None),
        optimizer=fl.Adam(fl.LogUniform(*RATE), beta1=fl.Uniform(*BETA1), beta2=fl.Uniform(*BETA2)),
        penalty=fl.L2(fl.LogUniform(*STRENGTH)),
        scaler=fl.Unscaled(),
        batch_size=batch,
        epochs=epochs,
        patience=None,
        monitor="accuracy",
        keep="last",
    )
    options = {"trials": trials, "folds": FOLDS if case == "digits" else None, "strategy": strategy}
    return fl.search, space, data, options | {"halving": fl.Halving(among=halving) if halving else None}


def by_fallline(case: str, file: Path, seed: int, halving: str | None, kept: bool = False):
    """The time at the end of every batch in seconds, and the best score so far."""
    os.environ["FALLLINE_CACHE"] = programs_of_another_seed(case, file, halving) if kept else tempfile.mkdtemp()
    began, ends = time.perf_counter(), [(0.0, 0)]
    search, space, data, options = begun(case, file, halving=halving)

    def watch(standing):
        ends.append((time.perf_counter() - began, standing.done))

    study = search(space, data, seed=seed, watch=watch, **options)
    score = {each.number: -each.score for each in study.trials if each.outcome == "finished"}
    trace = []
    for (_, before), (when, done) in itertools.pairwise(ends):
        if done > before:
            trace.append((when, max(value for number, value in score.items() if number < done)))
    return trace


def programs_of_another_seed(case: str, file: Path, halving: str | None) -> str:
    """The cache left by a process that ran the same search with a seed that is not compared."""
    folder = Path(tempfile.gettempdir()) / f"search_wall_{case}_{halving}"
    if not folder.exists():
        folder.mkdir()
        who = next(who for who, options in OURS.items() if options == {"halving": halving, "kept": True})
        alone(case, who, 1000, file, Path(os.devnull))
    return str(folder)


def hardness(case: str, file: Path) -> None:
    """Print how many of 256 random trials reach an accuracy, and after how many trials it is reached first."""
    from fallline.strategies import Random

    search, space, data, options = begun(case, file, Random())
    study = search(space, data, **options | {"trials": 256, "batch": 64})
    scores = np.array([-each.score if np.isfinite(each.score) else 0.0 for each in study.trials])
    draw, trials = np.random.default_rng(0), CASES[case][0]
    orders = [np.maximum.accumulate(draw.permutation(scores)[:trials]) for _ in range(1000)]
    print(f"{case}\n\n| accuracy | share of random trials | the first, median |\n|---|---|---|")
    for target in LADDER[case]:
        first = [np.argmax(each >= target) + 1 if each[-1] >= target else trials + 1 for each in orders]
        print(f"| {target} | {(scores >= target).mean():.1%} | {np.median(first):.0f} |")
    last = np.percentile([each[-1] for each in orders], [10, 50, 90])
    print(f"\nbest of {trials}, 10 %, 50 % and 90 %: {last.round(4)}")


def network(case: str, **settings):
    from sklearn.neural_network import MLPClassifier

    _, batch, epochs = CASES[case]
    return MLPClassifier(
        (64,), batch_size=batch, max_iter=epochs, tol=0.0, n_iter_no_change=epochs + 1, random_state=0, **settings
    )


def spans(case: str):
    """The same ranges for scikit-learn, which divides the penalty by the size of the minibatch."""
    from scipy import stats

    low, high = (CASES[case][1] * each for each in STRENGTH)
    return {
        "learning_rate_init": stats.loguniform(*RATE),
        "alpha": stats.loguniform(low, high),
        "beta_1": stats.uniform(BETA1[0], BETA1[1] - BETA1[0]),
        "beta_2": stats.uniform(BETA2[0], BETA2[1] - BETA2[0]),
    }


def by_scikit(case: str, file: Path, seed: int, halving: bool):
    """The search's own scores, with times in proportion to the number of trials."""
    began = time.perf_counter()
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV, cross_val_score

    x, y, pairs = rows(case, file)
    trials = CASES[case][0]
    # A training that diverges raises an error there; it counts as an accuracy of 0.
    common = {"n_jobs": 2, "refit": False, "random_state": seed, "error_score": 0.0}
    if halving:
        # It runs rounds on more and more rows, which cannot be given as indices, so it uses its own shuffled folds or split.
        from sklearn.model_selection import ShuffleSplit, StratifiedKFold

        shuffled = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        split = shuffled if case == "digits" else ShuffleSplit(1, test_size=1 / FOLDS, random_state=0)
        search = HalvingRandomSearchCV(
            network(case), spans(case), n_candidates=trials, min_resources="exhaust", cv=split, **common
        )
    else:
        search = RandomizedSearchCV(network(case), spans(case), n_iter=trials, cv=pairs, **common)
    search.fit(x, y)
    seconds = time.perf_counter() - began
    found = search.cv_results_
    if halving:  # only the last round uses all rows
        last = np.flatnonzero(found["iter"] == found["iter"].max())
        chosen = found["params"][last[np.argmax(found["mean_test_score"][last])]]
        return [(seconds, float(cross_val_score(network(case, **chosen), x, y, cv=pairs, n_jobs=2).mean()))]
    scores = np.maximum.accumulate(found["mean_test_score"])
    return [(seconds * (i + 1) / trials, float(best)) for i, best in enumerate(scores)]


def by_optuna(case: str, file: Path, seed: int):
    """The best score after every trial."""
    began, seen = time.perf_counter(), []
    import optuna
    from sklearn.model_selection import cross_val_score

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    x, y, pairs = rows(case, file)
    low, high = (CASES[case][1] * each for each in STRENGTH)

    def objective(trial) -> float:
        settings = {
            "learning_rate_init": trial.suggest_float("rate", *RATE, log=True),
            "alpha": trial.suggest_float("alpha", low, high, log=True),
            "beta_1": trial.suggest_float("beta1", *BETA1),
            "beta_2": trial.suggest_float("beta2", *BETA2),
        }
        jobs = 2 if len(pairs) > 1 else 1
        scores = cross_val_score(network(case, **settings), x, y, cv=pairs, n_jobs=jobs, error_score=0.0)
        seen.append((time.perf_counter() - began, float(scores.mean())))
        return seen[-1][1]

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=CASES[case][0], n_jobs=2 if len(pairs) == 1 else 1)
    best = np.maximum.accumulate([score for _, score in seen])
    return [(when, float(score)) for (when, _), score in zip(seen, best, strict=True)]


OURS: dict[str, dict] = {
    "fallline": {"halving": None},
    "fallline-kept": {"halving": None, "kept": True},
    "fallline-halving": {"halving": "batch"},
    "fallline-halving-kept": {"halving": "batch", "kept": True},
    "fallline-study": {"halving": "study"},
    "fallline-study-kept": {"halving": "study", "kept": True},
}
WHO = {
    **{who: functools.partial(by_fallline, **options) for who, options in OURS.items()},
    "random": functools.partial(by_scikit, halving=False),
    "halving": functools.partial(by_scikit, halving=True),
    "optuna": by_optuna,
}
SILENT = ("random", "halving")  # searches that report nothing before they end


def report(file: Path) -> None:
    """Print the duration and the score of each search, and the times at which it reached given scores."""
    found = [json.loads(line) for line in file.read_text().splitlines()]
    for case in CASES:
        of_case = {who: [each for each in found if (each["case"], each["who"]) == (case, who)] for who in WHO}
        of_case = {who: runs for who, runs in of_case.items() if runs}
        if of_case:
            print(f"\n{case}: median over seeds (smallest to largest)\n")
            _ends(of_case)
            _ladder(of_case, LADDER[case])
            _pairs(of_case)


def _ends(of_case: dict[str, list[dict]]) -> None:
    print("| who | seeds | seconds to its end | best accuracy |\n|---|---|---|---|")
    for who, runs in of_case.items():
        seconds, scores = zip(*(each["trace"][-1] for each in runs), strict=True)
        print(f"| {who} | {len(runs)} | {spread(seconds, 1)} | {spread(scores, 4)} |")


def _ladder(of_case: dict[str, list[dict]], targets: tuple[float, ...]) -> None:
    """Seconds until a fixed score was reached, over the seeds that reached it."""
    print("\n| seconds until it had | " + " | ".join(map(str, targets)) + " |\n|---|" + "---|" * len(targets))
    for who, runs in of_case.items():
        for reading in ("at its end", "by its trials") if who in SILENT else ("",):
            if (who, reading) == ("halving", "by its trials"):
                continue
            cells = []
            for target in targets:
                times = [each for run in runs if (each := reached(run["trace"], target, reading)) is not None]
                share = "" if len(times) == len(runs) else f" ({len(times)} of {len(runs)} seeds)"
                cells.append(f"{statistics.median(times):.1f}{share}" if times else "never")
            print(f"| {who}{', ' if reading else ''}{reading} | " + " | ".join(cells) + " |")


def _pairs(of_case: dict[str, list[dict]]) -> None:
    """Seed by seed, the times until both searches reached the worse of their two final scores."""
    print("\n| seed by seed, to the worse of the two last scores | ours, s | theirs, s | times |\n|---|---|---|---|")
    for ours, theirs in itertools.product(OURS, [who for who in WHO if who not in OURS]):
        for reading in ("at its end", "by its trials") if theirs == "random" else ("",):
            both = []
            for mine, other in itertools.product(of_case.get(ours, []), of_case.get(theirs, [])):
                if mine["seed"] == other["seed"]:
                    target = min(mine["trace"][-1][1], other["trace"][-1][1])
                    both.append((reached(mine["trace"], target, ""), reached(other["trace"], target, reading)))
            if both:
                times = [their / my for my, their in both]
                my, their = (spread(column, 1) for column in zip(*both, strict=True))
                name = f"{ours}, {theirs}{' ' if reading else ''}{reading}"
                print(f"| {name} ({len(both)}) | {my} | {their} | {spread(times, 1)} |")


def spread(values, digits: int) -> str:
    """Median (smallest to largest)."""
    low, middle, high = (f"{each(values):.{digits}f}" for each in (min, statistics.median, max))
    return f"{middle} ({low} to {high})" if len(values) > 1 else middle


def reached(trace: list[list[float]], target: float, reading: str) -> float | None:
    """Seconds until the score first reached the target; None if it never did."""
    if trace[-1][1] < target - 1e-5:
        return None
    return trace[-1][0] if reading == "at its end" else next(when for when, score in trace if score >= target - 1e-5)


def alone(case: str, who: str, seed: int, rows: Path, file: Path) -> None:
    """Run one search in its own process."""
    words = {"--who": who, "--seeds": seed, "--rows": rows, "--file": file}
    subprocess.run([sys.executable, __file__, case, *map(str, itertools.chain(*words.items()))], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=(*CASES, "hardness", "report"))
    parser.add_argument("--who", default=",".join(WHO))
    parser.add_argument("--source", type=Path, help="Adult's train.csv")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)  # written by `prepare`, to run one search
    parser.add_argument("--file", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["PYTHONWARNINGS"] = "ignore"
    if given.what == "report":
        report(given.file)
        return
    if given.what == "hardness":
        for case in CASES if given.source is not None else ("digits",):
            hardness(case, prepare(case, given.source, 0))
        return
    if given.rows is None:
        for seed in map(int, given.seeds.split(",")):
            file = prepare(given.what, given.source, seed)
            for who in given.who.split(","):
                alone(given.what, who, seed, file, given.file)
        return
    who, seed = given.who, int(given.seeds)
    trace = WHO[who](given.what, given.rows, seed)
    with given.file.open("a") as file:
        file.write(json.dumps({"case": given.what, "who": who, "seed": seed, "trace": trace}) + "\n")
    print(f"{given.what} {who} seed {seed}: {trace[-1][0]:.1f} s, accuracy {trace[-1][1]:.4f}", flush=True)


if __name__ == "__main__":
    main()
