"""How long does `fallline compare sklearn:digits` take, and the same loop in PyTorch, measured on a tenth of it?

    python benchmarks/compare.py            # 11 rules x 9 rates x 5 seeds, 20 epochs; PyTorch: every tenth training

PyTorch trains the same network (64-32-10, ReLU) from the same initial weights on the same scaled rows in the same order,
with the same minibatches, schedule, penalty on the weights, constants of the rules, and validation after every epoch. What
still differs: NAdam's average keeps beta1, and Nesterov's look ahead while the rate warms up. The last lines compare the
losses training by training; at the highest rates training is chaotic, and rounding decides. The product starts with an
empty cache of compiled programs; the first time includes compilation, and the second comparison in the same process does
not. Processor times are less disturbed by other work on the machine than wall-clock times.
"""

import argparse
import os
import tempfile
import time
from collections import defaultdict

os.environ["FALLLINE_CACHE"] = tempfile.mkdtemp()  # before JAX is configured

import numpy as np

import fallline as fl
from fallline.core.random import named, permutation
from fallline.lab.compare import SMALL
from fallline.population.contexts import key_of

RATES, SEEDS, EPOCHS, BATCH = 9, 5, 20, 32
PENALTY = 1e-4  # times half the sum of squares


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=int, default=10, help="PyTorch trains every so many of the trainings")
    share = parser.parse_args().share
    data = fl.load("sklearn:digits")
    taken = []
    for what in ("compilation included", "again, with compiled programs"):
        began, spent = time.perf_counter(), time.process_time()
        found = fl.lab.compare(data, rates=RATES, seeds=SEEDS, epochs=EPOCHS)
        taken.append((time.perf_counter() - began, time.process_time() - spent))
        print(
            f"fallline, {what}: {found.trainings} trainings, {taken[-1][0]:.1f} s ({taken[-1][1]:.1f} s of processor)",
            flush=True,
        )
    print(found.answer)
    runs = [(label, float(rate), seed) for label, own in zip(found.labels, found.rates, strict=True) for rate in own
            for seed in range(SEEDS)][::share]  # fmt: skip
    given = {seed: beginning(data, seed) for seed in range(SEEDS)}
    began, spent = time.perf_counter(), time.process_time()
    losses = [in_torch(data.dataset, *each, *given[each[2]]) for each in runs]
    theirs = (time.perf_counter() - began) * found.trainings / len(runs)
    busy_theirs = (time.process_time() - spent) * found.trainings / len(runs)
    print(
        f"PyTorch: {len(runs)} trainings; all {found.trainings} at this pace: {theirs:.0f} s ({busy_theirs:.0f} s of processor)"
    )
    for what, (wall, busy) in zip(("first", "again"), taken, strict=True):
        print(
            f"fallline ({what}) is {theirs / wall:.1f} times as fast; by processor time {busy_theirs / busy:.1f} times"
        )
    compared(runs, found.scores.reshape(-1)[::share], np.array(losses))


def compared(runs: list[tuple[str, float, int]], own: np.ndarray, other: np.ndarray) -> None:
    """Print how far the losses of the same trainings are apart."""
    both = np.isfinite(own) & np.isfinite(other)
    near = both & (np.abs(own / np.where(both, other, 1.0) - 1) < 0.01)
    print(
        f"lowest losses: {near.sum()} of {len(own)} within 1 %; {len(own) - both.sum()} diverge in one of them or in both"
    )
    apart = defaultdict(list)
    for (label, *_), a, b in zip(runs, own, other, strict=True):
        if np.isfinite(a) and np.isfinite(b):
            apart[label].append(abs(a / b - 1))
    print("median, largest relative difference: ", end="")
    print("; ".join(f"{label} {np.median(each):.1e}, {max(each):.1e}" for label, each in apart.items()))


def beginning(data: fl.Table, seed: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """The initial weights and biases of a seed, layer by layer, and the order of the training rows in every epoch."""
    params = fl.train(fl.replace(SMALL, {"epochs": 0}), data, seed=seed).model.arrays["params"]
    layers = [(np.array(each["weight"]), np.array(each["bias"])) for _, each in sorted(params.items())]
    rows = data.dataset.train
    orders = [permutation(named(key_of(seed, None), "order", epoch), len(rows)) for epoch in range(EPOCHS)]
    return layers, np.stack([rows[np.asarray(order)] for order in orders])


def in_torch(
    data: object, label: str, rate: float, seed: int, layers: list[tuple[np.ndarray, np.ndarray]], orders: np.ndarray
) -> float:
    """The lowest validation loss of one training."""
    import torch

    torch.set_num_threads(1)  # the fastest for networks of this size
    sd = data.x[data.train].std(0)
    x = (data.x - data.x[data.train].mean(0)) / np.where(sd > 0, sd, 1)
    x, y = torch.tensor(np.clip(x, -3, 3).astype(np.float32)), torch.tensor(data.y.astype(np.int64)).reshape(-1)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, data.n_classes))
    with torch.no_grad():
        for layer, (weight, bias) in zip((net[0], net[2]), layers, strict=True):
            layer.weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
    weights, biases = [net[0].weight, net[2].weight], [net[0].bias, net[2].bias]
    rule = rule_of(torch, weights, biases, label, rate)
    valid = torch.tensor(data.valid.astype(np.int64))
    cost, best, step = torch.nn.CrossEntropyLoss(), float("inf"), 0
    steps = EPOCHS * -(-orders.shape[1] // BATCH)
    for order in torch.tensor(orders.astype(np.int64)):
        for rows in order.split(BATCH):
            if label != "adadelta":
                progress = (step + 0.5) / steps
                now = progress / 0.05 if progress < 0.05 else 0.5 * (1 + np.cos(np.pi * (progress - 0.05) / 0.95))
                for group in rule.param_groups:
                    if label in ("momentum", "nesterov"):  # whose velocity holds steps, each at its own rate
                        group["momentum"] = 0.9 * (group["lr"] / (rate * now) if step else 1.0)
                    group["lr"] = rate * now
            step += 1
            rule.zero_grad()
            loss = cost(net(x[rows]), y[rows])
            loss.backward()
            if label == "adamw":  # whose own decay is another one
                for each in weights:
                    each.grad.add_(each.detach(), alpha=PENALTY)
            rule.step()
        with torch.no_grad():
            now = float(cost(net(x[valid]), y[valid]))
            if not np.isfinite(now):
                return float("inf")
            best = min(best, now)
    return best


def rule_of(torch: object, weights: list, biases: list, label: str, rate: float) -> object:
    """PyTorch's rule of this name, with the product's constants."""
    decay = 0.01 if label == "adamw" else PENALTY
    params = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    optim = torch.optim
    makers = {
        "sgd": lambda: optim.SGD(params, rate),
        "momentum": lambda: optim.SGD(params, rate, momentum=0.9),
        "nesterov": lambda: optim.SGD(params, rate, momentum=0.9, nesterov=True),
        "averaged_momentum": lambda: optim.SGD(params, rate, momentum=0.9, dampening=0.9),
        "adagrad": lambda: optim.Adagrad(params, rate, eps=1e-8),
        "rmsprop": lambda: optim.RMSprop(params, rate, alpha=0.9),
        "adadelta": lambda: optim.Adadelta(params, rate, rho=0.95),
        "adam": lambda: optim.Adam(params, rate),
        "adamw": lambda: optim.AdamW(params, rate),
        "nadam": lambda: optim.NAdam(params, rate),
        "amsgrad": lambda: optim.Adam(params, rate, amsgrad=True),
    }
    rule = makers[label]()
    if label == "averaged_momentum":  # PyTorch's average would begin at the first gradient instead of 0
        for each in (*weights, *biases):
            rule.state[each]["momentum_buffer"] = torch.zeros_like(each)
    return rule


if __name__ == "__main__":
    main()
