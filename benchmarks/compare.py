"""How long does `fallline compare sklearn:digits` take, and the same loop in PyTorch, measured on a tenth of it?

    python benchmarks/compare.py            # 11 rules x 9 rates x 5 seeds, 20 epochs; PyTorch: every tenth training

PyTorch trains the same network (64-32-10, ReLU) on the same rows, with the same minibatch size, epochs, schedule, penalty
and validation after every epoch. Rules that it lacks take its nearest: Momentum for averaged_momentum. The product starts
with an empty cache of compiled programs; the first time includes compilation, and the second comparison in the same process
does not. Processor times are less disturbed by other work on the machine than wall-clock times.
"""

import argparse
import os
import tempfile
import time

os.environ["FALLLINE_CACHE"] = tempfile.mkdtemp()  # before JAX is configured

import numpy as np

import fallline as fl

RATES, SEEDS, EPOCHS, BATCH = 9, 5, 20, 32


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
    began, spent = time.perf_counter(), time.process_time()
    losses = [in_torch(data.dataset, *each) for each in runs]
    theirs = (time.perf_counter() - began) * found.trainings / len(runs)
    busy_theirs = (time.process_time() - spent) * found.trainings / len(runs)
    print(
        f"PyTorch: {len(runs)} trainings; all {found.trainings} at this pace: {theirs:.0f} s ({busy_theirs:.0f} s of processor)"
    )
    for what, (wall, busy) in zip(("first", "again"), taken, strict=True):
        print(
            f"fallline ({what}) is {theirs / wall:.1f} times as fast; by processor time {busy_theirs / busy:.1f} times"
        )
    both = [
        (own, other) for own, other in zip(found.scores.reshape(-1)[::share], losses, strict=True) if np.isfinite(own)
    ]
    print(f"median loss: fallline {np.median([a for a, _ in both]):.4f}, PyTorch {np.median([b for _, b in both]):.4f}")


def in_torch(data: object, label: str, rate: float, seed: int) -> float:
    """The lowest validation loss of one training."""
    import torch

    torch.set_num_threads(1)  # the fastest for networks of this size
    torch.manual_seed(seed)
    x = (data.x - data.x[data.train].mean(0)) / np.maximum(data.x[data.train].std(0), 1e-6)
    x, y = torch.tensor(np.clip(x, -3, 3).astype(np.float32)), torch.tensor(data.y.astype(np.int64)).reshape(-1)
    net = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 32), torch.nn.ReLU(), torch.nn.Linear(32, data.n_classes))
    rule = rule_of(torch.optim, net.parameters(), label, rate)
    train, valid = torch.tensor(data.train.astype(np.int64)), torch.tensor(data.valid.astype(np.int64))
    cost, best, step = torch.nn.CrossEntropyLoss(), float("inf"), 0
    steps = EPOCHS * -(-len(train) // BATCH)
    for _ in range(EPOCHS):
        order = train[torch.randperm(len(train))]
        for rows in order.split(BATCH):
            if label != "adadelta":
                progress = step / steps
                now = progress / 0.05 if progress < 0.05 else 0.5 * (1 + np.cos(np.pi * (progress - 0.05) / 0.95))
                rule.param_groups[0]["lr"] = rate * now
            step += 1
            rule.zero_grad()
            loss = cost(net(x[rows]), y[rows])
            loss.backward()
            rule.step()
        with torch.no_grad():
            best = min(best, float(cost(net(x[valid]), y[valid])))
    return best


def rule_of(optim: object, params: object, label: str, rate: float) -> object:
    """PyTorch's rule of this name."""
    decay = {"weight_decay": 2e-4}  # the gradient of 1e-4 times the sum of squares
    makers = {
        "sgd": lambda: optim.SGD(params, rate, **decay),
        "momentum": lambda: optim.SGD(params, rate, momentum=0.9, **decay),
        "nesterov": lambda: optim.SGD(params, rate, momentum=0.9, nesterov=True, **decay),
        "averaged_momentum": lambda: optim.SGD(params, rate, momentum=0.9, dampening=0.9, **decay),
        "adagrad": lambda: optim.Adagrad(params, rate, **decay),
        "rmsprop": lambda: optim.RMSprop(params, rate, **decay),
        "adadelta": lambda: optim.Adadelta(params, rate, **decay),
        "adam": lambda: optim.Adam(params, rate, **decay),
        "adamw": lambda: optim.AdamW(params, rate),
        "nadam": lambda: optim.NAdam(params, rate, **decay),
        "amsgrad": lambda: optim.Adam(params, rate, amsgrad=True, **decay),
    }
    return makers[label]()


if __name__ == "__main__":
    main()
