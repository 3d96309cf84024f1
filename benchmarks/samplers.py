"""Proposers on functions whose optimum is known, beside Optuna's and hyperopt's TPE.

    python benchmarks/samplers.py [--samplers tpe,random,...] [--functions ...] [--batches 1,8,64] [--trials 200] [--seeds 30]
    python benchmarks/samplers.py cost      milliseconds per proposed trial at 1,000 finished trials

Regret: the best true value found less the optimum; mean over seeds and its 95 % interval. Seeds are paired: the functions'
shifts and noise are the same for every sampler. hyperopt proposes one at a time, so it is run with batches of 1 alone.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from fallline.core.block import Block
from fallline.core.field import number, part
from fallline.distributions import Choice, Uniform
from fallline.searching.coarse import CoarseToFine
from fallline.searching.past import Past
from fallline.searching.proposers import Random, Sobol
from fallline.searching.space import Space
from fallline.searching.tpe import TPE

PROPOSERS = {
    "tpe": TPE(),
    "random": Random(),
    "random x2": Random(),
    "sobol": Sobol(),
    "coarse to fine": CoarseToFine(),
}
OTHERS = ("optuna", "hyperopt")
A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


class Arm(Block):
    """A part with coordinates of its own: only those of the chosen one matter."""

    family = "arm"
    name = "arm"
    kind: int = number(0, integer=True, help="which arm")
    x0: float = number(0.5, help="coordinate")
    x1: float = number(0.5, help="coordinate")


class Machine(Block):
    """A conditional space."""

    family = "machine"
    name = "machine"
    arm: Arm = part(Arm(), family="arm", help="the arm")
    x: float = number(0.5, help="coordinate")


def box(d: int, seed: int = 0) -> Space:
    """[0, 1]^d; the first trial somewhere, since a default in the middle would be a hint that others do not get."""
    first = np.random.default_rng([seed, 1]).random(d)
    fields = {f"x{i}": number(0.5, help="coordinate") for i in range(d)}
    kind = type("Point", (Block,), {"__annotations__": dict.fromkeys(fields, float), **fields})
    return Space(kind(*[Uniform(0, 1)] * d), {f"x{i}": float(u) for i, u in enumerate(first)})


def branin(x: np.ndarray) -> float:
    a, b = 15 * x[0] - 5, 15 * x[1]
    wave = 10 * (1 - 1 / (8 * np.pi)) * np.cos(a)
    return (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2 + wave + 10 - 0.397887


def hartmann(x: np.ndarray) -> float:
    return 3.32237 - np.array([1, 1.2, 3, 3.2]) @ np.exp(-(A * (x - P) ** 2).sum(axis=1))


def ackley(x: np.ndarray) -> float:
    z = 40 * (x - 0.37)  # shifted off the centre
    return 20 + np.e - 20 * np.exp(-0.2 * np.sqrt((z**2).mean())) - np.exp(np.cos(2 * np.pi * z).mean())


def conditional(x: np.ndarray) -> float:
    """Three arms, each a bowl of its own in two coordinates; the narrow one is the deepest."""
    arm = min(int(3 * x[0]), 2)
    u = x[1 + 2 * arm : 3 + 2 * arm]
    bowl = (4.0, 2.0, 12.0)[arm] * ((u - (0.3, 0.6, 0.85)[arm]) ** 2).sum() + (0.3, 0.5, 0.0)[arm]
    return bowl + (x[7] - 0.2) ** 2


FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], float], int, float]] = {
    "branin": (branin, 2, 0.0),
    "hartmann6": (hartmann, 6, 0.0),
    "ackley10": (ackley, 10, 0.0),
    "conditional": (conditional, 0, 0.0),
    "noisy": (branin, 2, 5.0),  # the deviation of the noise; the regret is of the true value of what looked best
}


def space_of(name: str, seed: int) -> Space:
    """The space of a function."""
    if name != "conditional":
        return box(FUNCTIONS[name][1], seed)
    arms = tuple(Arm(kind, Uniform(0, 1), Uniform(0, 1)) for kind in range(3))
    return Space(Machine(Choice(arms), Uniform(0, 1)))


def regret(sampler: str, name: str, trials: int, batch: int, seed: int) -> float:
    """Of one search."""
    function, _, noise = FUNCTIONS[name]
    rng = np.random.default_rng(seed)

    def seen(x: np.ndarray) -> float:
        return function(x) + (noise * rng.normal() if noise else 0.0)

    if sampler in OTHERS:
        points, scores = (optuna_search if sampler == "optuna" else hyperopt_search)(name, seen, trials, batch, seed)
    else:
        space, proposer = space_of(name, seed), PROPOSERS[sampler]
        trials = 2 * trials if sampler == "random x2" else trials
        points, scores = np.zeros((0, len(space))), np.zeros(0)
        while len(scores) < trials:
            numbers = range(len(scores), min(len(scores) + batch, trials))
            new = proposer.propose(space, Past.of(points, scores), numbers, seed)
            points, scores = np.concatenate([points, new]), np.append(scores, [seen(x) for x in new])
    return function(points[np.argmin(scores)]) if noise else float(min(scores))


def optuna_search(name: str, seen: Callable[[np.ndarray], float], trials: int, batch: int, seed: int):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=batch > 1)
    study, points, scores = optuna.create_study(sampler=sampler), [], []
    while len(scores) < trials:
        asked = [study.ask() for _ in range(min(batch, trials - len(scores)))]
        drawn = [suggested(name, trial) for trial in asked]
        for trial, x in zip(asked, drawn, strict=True):
            points.append(x)
            scores.append(seen(x))
            study.tell(trial, scores[-1])
    return np.array(points), np.array(scores)


def suggested(name: str, trial) -> np.ndarray:
    """The same space, in Optuna's words."""
    if name != "conditional":
        return np.array([trial.suggest_float(f"x{i}", 0, 1) for i in range(FUNCTIONS[name][1])])
    x = np.full(8, 0.5)
    arm = trial.suggest_categorical("arm", [0, 1, 2])
    x[0] = (arm + 0.5) / 3
    x[1 + 2 * arm], x[2 + 2 * arm] = (trial.suggest_float(f"{arm} {i}", 0, 1) for i in range(2))
    x[7] = trial.suggest_float("x", 0, 1)
    return x


def hyperopt_search(name: str, seen: Callable[[np.ndarray], float], trials: int, batch: int, seed: int):
    import hyperopt
    from hyperopt import hp

    points, scores = [], []

    def objective(chosen) -> float:
        if name == "conditional":
            x = np.full(8, 0.5)
            arm, first, second = chosen[0]
            x[0], x[1 + 2 * arm], x[2 + 2 * arm], x[7] = (arm + 0.5) / 3, first, second, chosen[1]
        else:
            x = np.array(chosen)
        points.append(x)
        scores.append(seen(x))
        return scores[-1]

    if name == "conditional":
        arms = [(k, hp.uniform(f"{k} 0", 0, 1), hp.uniform(f"{k} 1", 0, 1)) for k in range(3)]
        space = [hp.choice("arm", arms), hp.uniform("x", 0, 1)]
    else:
        space = [hp.uniform(f"x{i}", 0, 1) for i in range(FUNCTIONS[name][1])]
    generator = np.random.default_rng(seed)
    hyperopt.fmin(
        objective,
        space,
        algo=hyperopt.tpe.suggest,
        max_evals=trials,
        rstate=generator,
        show_progressbar=False,
        verbose=False,
    )
    return np.array(points), np.array(scores)


def cost(batch: int = 64, finished: int = 1000, d: int = 10) -> None:
    """Print what proposals cost."""
    space, rng = box(d), np.random.default_rng(0)
    points = rng.random((finished, d))
    past = Past.of(points, (points**2).sum(axis=1))
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
    parser.add_argument("what", nargs="?", default="regret", choices=("regret", "cost"))
    parser.add_argument("--samplers", default=",".join((*PROPOSERS, *OTHERS)))
    parser.add_argument("--functions", default=",".join(FUNCTIONS))
    parser.add_argument("--batches", default="1,8,64")
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=30)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.what == "cost":
        cost()
        return
    for name in given.functions.split(","):
        for batch in map(int, given.batches.split(",")):
            for sampler in given.samplers.split(","):
                if sampler == "hyperopt" and batch > 1:
                    continue
                found = np.array([regret(sampler, name, given.trials, batch, seed) for seed in range(given.seeds)])
                half = 1.96 * found.std(ddof=1) / np.sqrt(len(found))
                print(f"{name:12} batch {batch:3}  {sampler:15} {found.mean():8.4f} +- {half:.4f}", flush=True)


if __name__ == "__main__":
    main()
