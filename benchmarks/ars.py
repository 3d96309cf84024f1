"""Policies found without gradients: returns over seeds, learning curves, and the cost of a timestep.

    python benchmarks/ars.py run ENVIRONMENT --seeds 10 --first 100 [--steps 1e6] [--target 3600] [--workers 2]
    python benchmarks/ars.py table                  the results in `ars.json`: all seeds, median, quartiles, k of n
    python benchmarks/ars.py draw ENVIRONMENT FILE  its learning curves as SVG
    python benchmarks/ars.py throughput ENVIRONMENT timesteps per second beside a bare loop of Gymnasium

`run` continues where it was interrupted: every seed is an entry in `ars.json`. The settings are those of the presets, which
were tuned on other seeds than the published ones. Times are processor seconds, summed over all processes of a training,
because the machine did other work as well.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np

from fallline.control.environments import open_environment
from fallline.control.evaluation import TRAIN
from fallline.control.folder import over_seeds, summarise
from fallline.control.network import PolicyNetwork
from fallline.control.presets import preset_of
from fallline.control.rollouts import Setup, Task, rollout_seed
from fallline.control.search import open_collector, train_policy
from fallline.control.statistics import Statistics
from fallline.control.workers import RolloutWorkers
from fallline.core.block import replace
from fallline.drawing.curves import Series
from fallline.drawing.figure import Figure

FILE = Path(__file__).with_name("ars.json")


def read() -> dict[str, dict[str, dict]]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def keep(environment: str, seed: int, summary: dict) -> None:
    """Add one seed; the file is read again first, since two trainings may write at the same time."""
    lock = FILE.with_suffix(".lock")
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            time.sleep(0.05)
    try:
        kept = read()
        kept.setdefault(environment, {})[str(seed)] = summary
        FILE.write_text(json.dumps(kept, indent=1) + "\n")
    finally:
        lock.unlink()


def run(environment: str, seeds: int, first: int, workers: int, changes: dict[str, float]) -> None:
    known = preset_of(environment)
    recipe, threshold = replace(known.recipe, changes), known.threshold
    with open_collector(environment, recipe, workers) as collector:
        for seed in range(first, first + seeds):
            if str(seed) in read().get(environment, {}):
                continue
            began = spent(collector)
            found = train_policy(environment, recipe, seed=seed, collector=collector)
            summary = {**summarise(Path(), found), "threshold": threshold, "reached_at": found.curve.reached(threshold)}
            curve = [
                [row["steps"], round(row["mean_return"], 1), round(row["best"], 1)] for row in summary["evaluations"]
            ]
            kept = {name: summary[name] for name in ("seed", "score", "deviation", "reached_at", "steps", "best_steps")}
            kept |= {name: summary[name] for name in ("threshold", "versions", "outside", "failures")}
            kept |= {"seconds": round(spent(collector) - began, 1), "workers": workers, "method": repr(recipe.method)}
            keep(environment, seed, {**kept, "curve": curve})
            print(environment, seed, round(found.score, 1), summary["reached_at"], f"{found.seconds:.0f} s", flush=True)


def spent(collector: RolloutWorkers) -> float:
    """Processor time in seconds, of this process and its workers."""
    ticks = 0
    for each in collector.pool.processes:
        fields = Path(f"/proc/{each.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def table() -> None:
    for environment, runs in read().items():
        rows = [runs[seed] for seed in sorted(runs, key=int)]
        found = over_seeds(rows)
        print(f"\n{environment}, {rows[0]['method']}\n")
        print("| seed | return | +- | reached at | best found at | trained | seconds |\n|---|---|---|---|---|---|---|")
        for row in rows:
            at = "-" if row["reached_at"] is None else f"{row['reached_at']:,}"
            print(
                f"| {row['seed']} | {row['score']:.1f} | {row['deviation']:.1f} | {at} | {row['best_steps']:,} "
                f"| {row['steps']:,} | {row['seconds']:.0f} |"
            )
        low, high = found["quartiles"]
        reached = [row["reached_at"] for row in rows if row["reached_at"] is not None]
        median = f"{statistics.median(reached):,.0f}" if reached else "-"
        print(
            f"\nMedian {found['median']:.1f}, quartiles {low:.1f} and {high:.1f}; {found['reached']} of {found['seeds']} seeds "
            f"reach {found['threshold']:g}; median timesteps to it {median}."
        )


def draw(environment: str, path: Path) -> None:
    """The confirmed best of every seed over the timesteps."""
    runs = read()[environment]
    series = tuple(
        Series(
            seed, tuple(row[0] for row in runs[seed]["curve"]), tuple(row[2] for row in runs[seed]["curve"]), "layer"
        )
        for seed in sorted(runs, key=int)
    )
    figure = Figure(f"{environment}: best confirmed return by seed", "", "timesteps", "return", series)
    path.write_text(figure.svg())


def throughput(environment: str, rollouts: int, rounds: int) -> None:
    """Steps per second of a bare loop, of one worker and of two, interleaved so that each round compares neighbours in time.

    The bare loop resets and steps the environment that `gymnasium.make(environment, disable_env_checker=True)` returns, from
    the same seeds and with the same actions (those of the policy 0), but it computes no policy and no statistics.
    """
    opened = open_environment(environment)
    space = opened.action_space
    action = np.zeros(space.shape, space.dtype) if space.shape else 0
    setup = Setup(environment)
    rates: dict[str, list[float]] = {"bare": [], "1": [], "2": []}
    with RolloutWorkers(setup, 1) as one, RolloutWorkers(setup, 2) as two:
        facts = one.facts
        network = PolicyNetwork((facts.observations, facts.outputs))
        point, scaling = np.zeros(network.size), Statistics.none(facts.observations).scaling()
        tasks = [Task(network, point, scaling, rollout_seed(0, TRAIN, 0, k, 0), True) for k in range(rollouts)]
        two.collect(tasks)  # its second process begins with its second task
        for _ in range(rounds):
            began, steps = time.perf_counter(), 0
            for task in tasks:
                opened.reset(seed=task.seed)
                over = False
                while not over:
                    _, _, terminated, truncated, _ = opened.step(action)
                    over, steps = terminated or truncated, steps + 1
            rates["bare"].append(steps / (time.perf_counter() - began))
            for name, workers in (("1", one), ("2", two)):
                began = time.perf_counter()
                found = workers.collect(tasks)
                rates[name].append(sum(each.steps for each in found) / (time.perf_counter() - began))
    bare, single, double = (np.array(each) for each in rates.values())

    def between(x):
        return f"{np.median(x):.2f} of {{}}, {x.min():.2f} to {x.max():.2f}"

    print(
        f"{environment}, {rounds} rounds of {steps:,} steps: bare loop {np.median(bare):,.0f} steps/s; one worker "
        f"{np.median(single):,.0f} ({between(single / bare).format('it')}); two {np.median(double):,.0f} "
        f"({between(double / single).format('one')})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "table", "draw", "throughput"))
    parser.add_argument("environment", nargs="?", default="CartPole-v1")
    parser.add_argument("path", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--steps", type=float)
    parser.add_argument("--target", type=float, help="stop a seed early")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rollouts", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    if given.what == "run":
        changes = {name: value for name in ("steps", "target") if (value := getattr(given, name)) is not None}
        run(given.environment, given.seeds, given.first, given.workers, changes)
    elif given.what == "table":
        table()
    elif given.what == "draw":
        draw(given.environment, given.path)
    else:
        throughput(given.environment, given.rollouts, given.rounds)


if __name__ == "__main__":
    main()
