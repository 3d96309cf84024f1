"""Zeiler's comparison of update rules: test errors on MNIST after 6 epochs, for every setting of every rule.

    python benchmarks/adadelta_table.py FOLDER RESULTS.json [--seeds 3]

784-500-300-10, ReLU, minibatches of 100, pixels divided by 255, no penalty, no schedule. FOLDER holds MNIST's four files,
or those of a data set in the same format. The settings of a rule form one population per seed. Finished results are kept in
RESULTS and skipped when the command is run again, so `--minutes` divides the work into slices. `--lanes` divides a population
into smaller ones with the same runs, up to rounding. The last lines of the output are the tables for the docs.

Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012, section 4, tables 1 and 2.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from pathlib import Path

import fallline as fl

RATES = (1e0, 1e-1, 1e-2, 1e-3, 1e-4)
RHOS, EPSILONS = (0.9, 0.95, 0.99), (1e-2, 1e-4, 1e-6, 1e-8)
# Percent, as published.
TABLE_1 = {
    "sgd": (2.26, 2.51, 7.02, 17.01, 58.10),
    "momentum": (89.68, 2.03, 2.68, 6.98, 16.98),
    "adagrad": (43.76, 2.82, 1.79, 5.21, 12.59),
}
TABLE_2 = ((2.59, 2.58, 2.32), (2.05, 1.99, 2.28), (1.90, 1.83, 2.05), (2.29, 2.13, 2.00))


def rules():
    """The settings of every rule, in the order of the cells in the tables, row by row."""
    return {
        "sgd": [fl.SGD(rate) for rate in RATES],
        "momentum": [fl.Momentum(rate, 0.9) for rate in RATES],
        "adagrad": [fl.AdaGrad(rate) for rate in RATES],
        "adadelta": [fl.Adadelta(1.0, rho, epsilon) for epsilon in EPSILONS for rho in RHOS],
    }


def errors(settings, data, seed):
    """For every setting, the test error in percent after the last epoch and the outcome of the run."""
    recipe = fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(500, 300), activation=fl.ReLU()),
        penalty=None,
        scaler=fl.Pixels(),
        batch_size=100,
        epochs=6,
        patience=None,
        monitor="none",
    )
    population = fl.evaluate([fl.replace(recipe, {"optimizer": rule}) for rule in settings], data, seeds=[seed])
    shares, ends = population.columns["test_accuracy"], population.outcome
    return [[100 * (1 - float(share)), fl.Outcome(int(end)).label] for share, end in zip(shares, ends, strict=True)]


def cell(results, rule, place, published):
    """Mean and standard deviation over seeds, followed by the paper's number in brackets."""
    runs = [each[place] for each in results[rule].values() if each[place]]
    ends = [end for _, end in runs]
    if "diverged" in ends:
        return f"diverged, {ends.count('diverged')} of {len(ends)} ({published:.2f})"
    mine = [error for error, _ in runs]
    spread = f" ± {statistics.stdev(mine):.2f}" if len(mine) > 1 else ""
    return f"{statistics.fmean(mine):.2f}{spread} ({published:.2f})" if mine else f"- ({published:.2f})"


def tables(results):
    """Both tables as Markdown."""
    print("| learning rate |", " | ".join(TABLE_1), "|")
    print("|---|" + "---|" * len(TABLE_1))
    for place, rate in enumerate(RATES):
        cells = [cell(results, rule, place, TABLE_1[rule][place]) for rule in TABLE_1]
        print(f"| {rate:g} |", " | ".join(cells), "|")
    print("\n| epsilon |", " | ".join(f"rho = {rho}" for rho in RHOS), "|")
    print("|---|" + "---|" * len(RHOS))
    for row, epsilon in enumerate(EPSILONS):
        cells = [cell(results, "adadelta", 3 * row + column, TABLE_2[row][column]) for column in range(len(RHOS))]
        print(f"| {epsilon:g} |", " | ".join(cells), "|")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("results", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=12, help="settings in a population at most")
    parser.add_argument("--minutes", type=float, default=600, help="begin no population after so long")
    given = parser.parse_args()
    results = json.loads(given.results.read_text()) if given.results.is_file() else {}
    data, began = None, time.perf_counter()
    for seed, (rule, settings) in itertools.product(range(given.seeds), rules().items()):
        found = results.setdefault(rule, {}).setdefault(str(seed), [None] * len(settings))
        missing = [place for place, each in enumerate(found) if each is None]
        for begin in range(0, len(missing), given.lanes):
            part = missing[begin : begin + given.lanes]
            if time.perf_counter() - began > 60 * given.minutes:
                break
            data = fl.load(given.folder, valid=0.0) if data is None else data
            now = time.perf_counter()
            for place, each in zip(part, errors([settings[place] for place in part], data, seed), strict=True):
                found[place] = each
            given.results.write_text(json.dumps(results, indent=1))
            seconds = time.perf_counter() - now
            print(f"{rule}, seed {seed}: {len(part)} settings in {seconds:.0f} s", file=sys.stderr, flush=True)
    tables(results)


if __name__ == "__main__":
    main()
