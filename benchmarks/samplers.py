"""Strategies on functions with a known optimum and on recorded trainings, beside Optuna's and hyperopt's TPE.

    python benchmarks/samplers.py run [--samplers tpe,random,...] [--problems ...] [--batches 1,8,64] [--minutes 3]
    python benchmarks/samplers.py table     the results in `samplers.json`, as tables
    python benchmarks/samplers.py paired --batches 64 --seeds 90      TPE minus the others, seed by seed
    python benchmarks/samplers.py grid      random against grid where two of seven hyperparameters matter
    python benchmarks/samplers.py cost      milliseconds per proposed trial at 1,000 finished trials

`run` continues where it was interrupted: every search is stored as two numbers in `samplers.json`, the regrets after half of
its trials and after all. The regret is the best true value minus the optimum, divided by the median regret of random points;
tables show its mean over seeds with a 95 % interval, and the number of seeds if it is not 30. Seeds are paired: shifts and
noise are the same for every sampler. Optuna and hyperopt know the trials of their batch that are not judged yet (Optuna's
`constant_liar`; hyperopt counts them as bad). Random and Sobol points do not depend on the batch.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from others import searched_by_hyperopt, searched_by_optuna
from problems import Problem, box, problem
from scipy import stats

from fallline.core.files import write_atomically
from fallline.strategies import Grid, Random, Sobol
from fallline.strategies.coarse_to_fine import CoarseToFine
from fallline.strategies.history import TrialHistory
from fallline.strategies.tpe import TPE

FILE = Path(__file__).with_name("samplers.json")
PROPOSERS = {
    "tpe": TPE(),
    "random": Random(),
    "random x2": Random(),
    "sobol": Sobol(),
    "coarse to fine": CoarseToFine(),
}
OTHERS = ("optuna", "optuna multivariate", "hyperopt")
PROBLEMS = ("digits", "branin", "hartmann6", "ackley10", "conditional", "noisy")
SEEDS = 30


def search(sampler: str, name: str, batch: int, trials: int, seed: int) -> list[float]:
    """Regrets of one search after half of its trials and after all."""
    asked, rng = problem(name, seed), np.random.default_rng(seed)

    def seen(x: np.ndarray) -> float:
        return asked.regret(x) + (asked.noise * rng.normal() if asked.noise else 0.0)

    trials *= 2 if sampler == "random x2" else 1
    if sampler in OTHERS:
        ask = searched_by_hyperopt if sampler == "hyperopt" else searched_by_optuna
        points, scores = ask(asked.space, seen, trials, batch, seed, multivariate=sampler == "optuna multivariate")
    else:
        points, scores = np.zeros((0, len(asked.space))), np.zeros(0)
        while len(scores) < trials:
            numbers = range(len(scores), min(len(scores) + batch, trials))
            new = PROPOSERS[sampler].propose(asked.space, TrialHistory.of(points, scores), numbers, seed)
            points, scores = np.concatenate([points, new]), np.append(scores, [seen(x) for x in new])
    return [shown(asked, points[:count], scores[:count]) for count in (trials // 2, trials)]


def shown(asked: Problem, points: np.ndarray, scores: np.ndarray) -> float:
    """The normalised regret of the trial that looked best."""
    return asked.regret(points[np.argmin(scores)]) / asked.usual


def run(given: argparse.Namespace) -> None:
    """Run all requested searches that are not yet in the file."""
    began = time.monotonic()
    for seed in range(given.seeds):  # the outer loop, so that an interrupted run has the same seeds of everything
        for name in given.problems.split(","):
            for batch in map(int, given.batches.split(",")):
                for sampler in given.samplers.split(","):
                    found = kept(given.file)
                    key = f"{name} | {batch} | {sampler} | {seed}"
                    if key in found:
                        continue
                    if time.monotonic() - began > 60 * given.minutes:
                        return
                    found[key] = search(sampler, name, batch, given.trials, seed)
                    write_atomically(given.file, lines(found).encode())


def kept(file: Path) -> dict[str, list[float]]:
    """The searches stored so far."""
    return json.loads(file.read_text()) if file.exists() else {}


def lines(found: dict[str, list[float]]) -> str:
    """One line per search, with four digits."""
    rows = (f"{json.dumps(key)}: [{', '.join(f'{value:.4g}' for value in found[key])}]" for key in sorted(found))
    return "{\n" + ",\n".join(rows) + "\n}\n"


def table(given: argparse.Namespace) -> None:
    """Print a table per batch size: the mean regret of each sampler on each problem, as percentages."""
    found = kept(given.file)
    for batch in map(int, given.batches.split(",")):
        print(f"\nBatches of {batch}\n\n| | {' | '.join(given.problems.split(','))} |")
        print("|---" * (1 + len(given.problems.split(","))) + "|")
        for sampler in given.samplers.split(","):
            cells = []
            for name in given.problems.split(","):
                values = [
                    found[key][-1]
                    for seed in range(given.seeds)
                    if (key := f"{name} | {batch} | {sampler} | {seed}") in found
                ]
                cells.append(interval(100 * np.array(values)) if len(values) > 1 else "")
            print(f"| {sampler} | {' | '.join(cells)} |")


def interval(values: np.ndarray) -> str:
    """Mean and 95 % interval, and the number of seeds if some are missing."""
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.2g} ± {half:.2g}" + ("" if len(values) == SEEDS else f" ({len(values)})")


def paired(given: argparse.Namespace, ours: str = "tpe") -> None:
    """Print the mean difference of regrets and its 95 % interval (Student's), over the seeds that both have.

    The last column combines all problems, each in units of the standard deviation of its regrets.
    """
    found = kept(given.file)
    print(f"| batch, {ours} less | {' | '.join(given.problems.split(','))} | all |")
    print("|---" * (2 + len(given.problems.split(","))) + "|")
    for batch in map(int, given.batches.split(",")):
        for other in (each for each in given.samplers.split(",") if each != ours):
            cells, together = [], []
            for name in given.problems.split(","):
                keys = [[f"{name} | {batch} | {who} | {seed}" for who in (ours, other)] for seed in range(given.seeds)]
                both = 100 * np.array([[found[a][-1], found[b][-1]] for a, b in keys if a in found and b in found])
                cells.append(difference(both[:, 0] - both[:, 1]))
                together.append((both[:, 0] - both[:, 1]) / both.std())
            cells.append(difference(np.concatenate(together)))
            print(f"| {batch}, {other} | {' | '.join(cells)} |")


def difference(less: np.ndarray) -> str:
    """Mean and 95 % interval."""
    half = stats.t.ppf(0.975, len(less) - 1) * less.std(ddof=1) / np.sqrt(len(less))
    return f"{less.mean():+.2g} ± {half:.2g}"


def grid(given: argparse.Namespace) -> None:
    """Print the regret of grids and of the same number of random points if two of seven coordinates matter."""
    print("| trials | grid | random | Sobol |\n|---|---|---|---|")
    for levels in (2, 3):
        trials, row = levels**7, []
        for strategy in (Grid(levels), Random(), Sobol()):
            regrets = []
            for seed in range(given.seeds):
                asked = problem("few matter", seed)
                none = TrialHistory.of(np.zeros((0, len(asked.space))), np.zeros(0))
                points = strategy.propose(asked.space, none, range(trials), seed)
                regrets.append(min(asked.regret(x) for x in points) / asked.usual)
            row.append(interval(100 * np.array(regrets)))
        print(f"| {trials} | {' | '.join(row)} |", flush=True)


def cost(batch: int = 64, finished: int = 1000, d: int = 10) -> None:
    """Print the cost of proposals."""
    space, rng = box(d), np.random.default_rng(0)
    points = rng.random((finished, d))
    past = TrialHistory.of(points, (points**2).sum(axis=1))
    times = []
    for turn in range(6):
        began = time.perf_counter()
        TPE().propose(space, past, range(finished + turn * batch, finished + (turn + 1) * batch), 0)
        times.append(time.perf_counter() - began)
    ours = np.median(times[1:]) / batch
    print(f"tpe      {1e3 * ours:7.2f} ms per trial, batch {batch}, {finished} finished, {d} dimensions")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, constant_liar=True))
    kinds = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(d)}
    create = optuna.trial.create_trial
    study.add_trials(
        [
            create(params={f"x{i}": float(u) for i, u in enumerate(p)}, distributions=kinds, value=float((p**2).sum()))
            for p in points
        ]
    )
    began = time.perf_counter()
    for _ in range(batch):
        trial = study.ask()
        for i in range(d):
            trial.suggest_float(f"x{i}", 0, 1)
    theirs = (time.perf_counter() - began) / batch
    print(f"optuna   {1e3 * theirs:7.2f} ms per trial; {theirs / ours:.1f} times ours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "paired", "grid", "cost"))
    parser.add_argument("--samplers", default=",".join((*PROPOSERS, *OTHERS)))
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--batches", default="1,8,64")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no search after this time")
    parser.add_argument("--file", type=Path, default=FILE)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    {"run": run, "table": table, "paired": paired, "grid": grid, "cost": lambda _: cost()}[given.what](given)


if __name__ == "__main__":
    main()
