"""Fifty steps of PyTorch's and Keras's update rules from one start, recorded for tests that need neither library.

    pip install torch keras
    python benchmarks/record_trajectories.py        writes tests/optimizers/trajectories.json

One objective in float64, full batch: a stiff quadratic (curvatures 0.01 to 100) plus the squared error of a network with
one hidden layer. The learning rate falls to 0.3 times its value at step 25, which distinguishes a rate inside the velocity
from one outside of it.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"], os.environ["JAX_ENABLE_X64"] = "jax", "1"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

OUT = Path(__file__).parent.parent / "tests" / "optimizers" / "trajectories.json"
STEPS, FALL_AT, FALL = 50, 25, 0.3
KEEP = [1, 2, 3, 10, 25, 26, 50]  # steps after which the params are kept
o = torch.optim
CASES = {
    "SGD(lr=0.01)": lambda p: o.SGD(p, lr=0.01),
    "SGD(lr=0.01, momentum=0.9)": lambda p: o.SGD(p, lr=0.01, momentum=0.9),
    "SGD(lr=0.01, momentum=0.9, nesterov=True)": lambda p: o.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "SGD(lr=0.01, weight_decay=0.1)": lambda p: o.SGD(p, lr=0.01, weight_decay=0.1),
    "Adagrad(lr=0.1)": lambda p: o.Adagrad(p, lr=0.1),
    "Adagrad(lr=0.1, initial_accumulator_value=0.1)": lambda p: o.Adagrad(p, lr=0.1, initial_accumulator_value=0.1),
    "Adadelta()": lambda p: o.Adadelta(p),
    "Adadelta(lr=0.5, rho=0.95, eps=1e-4)": lambda p: o.Adadelta(p, lr=0.5, rho=0.95, eps=1e-4),
    "Rprop(lr=0.01)": lambda p: o.Rprop(p, lr=0.01),
    "Rprop(lr=0.1, etas=(0.3, 1.3))": lambda p: o.Rprop(p, lr=0.1, etas=(0.3, 1.3)),
    "RMSprop(lr=0.01)": lambda p: o.RMSprop(p, lr=0.01),
    "RMSprop(lr=0.01, alpha=0.9, momentum=0.9)": lambda p: o.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.9),
    "RMSprop(lr=0.01, centered=True)": lambda p: o.RMSprop(p, lr=0.01, centered=True),
    "RMSprop(lr=0.01, centered=True, momentum=0.5)": lambda p: o.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "Adam(lr=0.1)": lambda p: o.Adam(p, lr=0.1),
    "Adam(lr=0.1, betas=(0.5, 0.9), eps=1e-2)": lambda p: o.Adam(p, lr=0.1, betas=(0.5, 0.9), eps=1e-2),
    "Adam(lr=0.1, betas=(0.9, 0.9), amsgrad=True)": lambda p: o.Adam(p, lr=0.1, betas=(0.9, 0.9), amsgrad=True),
    "AdamW(lr=0.1, weight_decay=0.1)": lambda p: o.AdamW(p, lr=0.1, weight_decay=0.1),
    "NAdam(lr=0.1)": lambda p: o.NAdam(p, lr=0.1),
    "NAdam(lr=0.1, momentum_decay=1.0)": lambda p: o.NAdam(p, lr=0.1, momentum_decay=1.0),
}
k = keras.optimizers
KERAS = {
    "SGD(0.01)": lambda: k.SGD(0.01),
    "SGD(0.01, momentum=0.9)": lambda: k.SGD(0.01, momentum=0.9),
    "SGD(0.01, momentum=0.9, nesterov=True)": lambda: k.SGD(0.01, momentum=0.9, nesterov=True),
    "Adagrad(0.1)": lambda: k.Adagrad(0.1),
    "Adadelta(1.0)": lambda: k.Adadelta(1.0),
    "RMSprop(0.01)": lambda: k.RMSprop(0.01),
    "RMSprop(0.01, momentum=0.9)": lambda: k.RMSprop(0.01, momentum=0.9),
    "RMSprop(0.01, centered=True)": lambda: k.RMSprop(0.01, centered=True),
    "Adam(0.1)": lambda: k.Adam(0.1),
    "Adam(0.1, amsgrad=True)": lambda: k.Adam(0.1, amsgrad=True),
    "AdamW(0.1, weight_decay=0.1)": lambda: k.AdamW(0.1, weight_decay=0.1),
    "Nadam(0.1)": lambda: k.Nadam(0.1),
}


def problem() -> dict[str, list]:
    """The numbers of the objective and its start, with few digits, so that they can be written in full."""
    rng = np.random.default_rng(5)

    def draw(*shape):
        return np.round(rng.normal(size=shape), 3).tolist()

    return {
        "curvature": [0.01, 0.1, 1.0, 10.0, 100.0, 3.0],
        "x": draw(8, 3),
        "y": draw(8, 2),
        "start": {"quadratic": [1.0, -2.0, 3.0, -4.0, 5.0, 0.0]}
        | {"w1": draw(3, 4), "b1": draw(4), "w2": draw(4, 2), "b2": draw(2)},
    }


def value(p: dict, made: dict) -> torch.Tensor:
    """The objective."""
    curvature, x, y = (torch.tensor(made[name], dtype=torch.float64) for name in ("curvature", "x", "y"))
    out = torch.tanh(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]
    return 0.5 * (curvature * p["quadratic"] ** 2).sum() + 0.5 * ((out - y) ** 2).sum(dim=1).mean()


def walk(made: dict, case) -> dict[str, list]:
    p = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in made["start"].items()}
    rule = case(list(p.values()))
    kept: dict[str, list] = {name: [] for name in p}
    for step in range(1, STEPS + 1):
        if step == FALL_AT + 1:
            for group in rule.param_groups:
                group["lr"] *= FALL
        rule.zero_grad()
        value(p, made).backward()
        rule.step()
        if step in KEEP:
            for name, leaf in p.items():
                kept[name].append(leaf.detach().tolist())
    return kept


def walk_keras(made: dict, case) -> dict[str, list]:
    """The same with Keras's rule on PyTorch's gradient."""
    names = list(made["start"])
    variables = [keras.Variable(np.array(made["start"][name], np.float64), dtype="float64") for name in names]
    rule = case()
    rule.build(variables)
    kept: dict[str, list] = {name: [] for name in names}
    for step in range(1, STEPS + 1):
        if step == FALL_AT + 1:
            rule.learning_rate = float(rule.learning_rate) * FALL
        p = {n: torch.tensor(np.asarray(v), requires_grad=True) for n, v in zip(names, variables, strict=True)}
        value(p, made).backward()
        rule.apply([keras.ops.convert_to_tensor(p[name].grad.numpy()) for name in names], variables)
        if step in KEEP:
            for name, variable in zip(names, variables, strict=True):
                kept[name].append(np.asarray(variable).tolist())
    return kept


def main() -> None:
    keras.config.set_floatx("float64")
    made = problem()
    head = {
        "torch": torch.__version__,
        "keras": keras.__version__,
        "steps": STEPS,
        "keep": KEEP,
        "fall_at": FALL_AT,
        "fall": FALL,
    }
    paths = {label: walk(made, case) for label, case in CASES.items()}
    of_keras = {label: walk_keras(made, case) for label, case in KERAS.items()}
    OUT.write_text(json.dumps({**head, "problem": made, "paths": paths, "keras_paths": of_keras}) + "\n")
    print(f"{len(paths) + len(of_keras)} trajectories in {OUT}")


if __name__ == "__main__":
    main()
