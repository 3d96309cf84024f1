"""The section `equal` of `gpu.py`: whether the numbers of the GPU are those of the CPU, and the same ones again."""

import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gpu_process import arguments, attempt, child, emit, ended, left

EPOCHS = 12
# Largest differences between GPU and CPU that count as equal: of the first epoch's loss (relative), of all epochs' losses
# (relative), of predictions (of the largest). Training amplifies rounding, so the later ones are wider. On a CPU, another
# level of optimisation changes these cases by at most 1e-7, 1.4e-5 and 2e-5.
BOUNDS = {"float32": (1e-5, 1e-3, 1e-3), "default": (5e-3, 5e-2, 1e-1)}


def cases():
    """Recipes and the tables and raw rows that they are trained on."""
    import numpy as np
    from sklearn.datasets import load_diabetes, load_digits

    import fallline as fl

    few = arguments.small
    digits, diabetes = load_digits(return_X_y=True), load_diabetes(return_X_y=True)
    tables = {
        "classification": (fl.Table.from_arrays(*digits, task="classification"), digits[0]),
        "regression": (fl.Table.from_arrays(*diabetes, task="regression"), diabetes[0]),
    }
    epochs = 2 if few else EPOCHS
    plain = {"epochs": epochs, "patience": None, "keep": "last"}

    def recipe(model, **settings):
        return fl.replace(fl.Recipe(model=model), plain | settings)

    found = {
        "plain": ("classification", recipe(fl.MLP(hidden=(64, 64), dropout=None), shuffle=False)),
        "default": ("classification", fl.replace(fl.Recipe(), {"epochs": epochs})),
        "batch_norm": ("classification", recipe(fl.MLP(hidden=(64, 64), dropout=None, batch_norm=True))),
        "dropout": ("classification", recipe(fl.MLP(hidden=(64, 64), dropout=0.3))),
        "wide": ("classification", recipe(fl.MLP(hidden=(512, 512), dropout=None))),
        "regression": ("regression", fl.replace(fl.Recipe(), {"epochs": epochs})),
    }
    if few:
        found = {"plain": found["plain"]}
    return {name: (recipe, *tables[kind], kind) for name, (kind, recipe) in found.items()}, np


def numbers(threads):
    """Losses per epoch and predictions of every case; the programs are compiled beside each other."""
    import fallline as fl

    them, np = cases()
    only = json.loads(arguments.options).get("only") or list(them)
    them = {name: them[name] for name in only}

    def fit(name):
        recipe, table, x, kind = them[name]
        run = fl.train(recipe, table, seed=0)
        answer = run.model.probabilities(x) if kind == "classification" else run.model.predict(x)
        losses = [np.asarray(run.history[column], float) for column in ("train_loss", "valid_loss")]
        return {
            "losses": np.stack(losses),
            "answer": np.asarray(answer, float),
            "score": first_score(run.metrics["test"]),
        }

    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(them, pool.map(fit, them), strict=True))


def first_score(metrics):
    """The first metric after the loss."""
    return float(next(value for name, value in metrics.items() if name != "loss"))


def numbers_to_file():
    """The numbers of the case, saved for the process that compares them."""
    import numpy as np

    options = json.loads(arguments.options)
    found = numbers(2 if arguments.small else 6)
    np.savez(
        options["file"], **{f"{name}/{part}": value for name, each in found.items() for part, value in each.items()}
    )


def equal():
    import jax
    import numpy as np

    file = str(Path(tempfile.mkdtemp()) / "cpu.npz")
    other = child("numbers", {"file": file}, {"JAX_PLATFORMS": "cpu"})
    found, threads = {}, 2 if arguments.small else 6
    for name, precision in (("float32", "highest"), ("default", None)):
        jax.config.update("jax_default_matmul_precision", precision)
        start = time.perf_counter()
        found[name] = attempt("equal", name, lambda: numbers(threads))
        emit("equal", trained=name, on=jax.devices()[0].device_kind, seconds=time.perf_counter() - start)
    if not ended(other):
        raise RuntimeError("the training on the CPU failed")
    with np.load(file) as kept:
        cpu = {key: kept[key] for key in kept.files}
    for precision, names in found.items():
        for name, here in (names or {}).items():
            compare(precision, name, here, {part: cpu[f"{name}/{part}"] for part in here})
    name = next(iter(found["default"] or {}), None)
    if name and (left() > 20 or arguments.small):
        # Compiled anew: a GPU's compiler times several algorithms and takes the fastest, which may be another one there.
        options = {"file": str(Path(file).with_name("anew.npz")), "only": [name]}
        if ended(child("numbers", options, {"FALLLINE_CACHE": tempfile.mkdtemp()})):
            with np.load(options["file"]) as kept:
                same = all(
                    np.array_equal(kept[f"{name}/{part}"], value) for part, value in found["default"][name].items()
                )
            emit("equal", anew=name, what="in another process, compiled again", same_bits=same)
    if found["default"] and left() > 5:
        again = numbers(threads)  # compiled by now
        for name, here in again.items():
            before = found["default"][name]
            emit(
                "equal",
                again=name,
                same_bits=all(np.array_equal(here[part], before[part], equal_nan=True) for part in here),
            )


def compare(precision, name, here, there):
    """Emit the differences between two runs of a case, and whether they are within the bounds."""
    import numpy as np

    epochs = min(here["losses"].shape[1], there["losses"].shape[1])  # early stopping may differ by then
    ours, theirs = here["losses"][:, :epochs], there["losses"][:, :epochs]
    apart = np.nanmax(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3), axis=0)
    answers = float(np.abs(here["answer"] - there["answer"]).max() / np.abs(there["answer"]).max())
    labels = {}
    if here["answer"].ndim == 2:
        labels = {"same_labels": float((here["answer"].argmax(1) == there["answer"].argmax(1)).mean())}
    first, every, last = BOUNDS[precision]
    emit(
        "equal", case=name, products=precision, first_epoch=float(apart[0]), all_epochs=float(apart.max()), answers=answers,
        **labels, score_gpu=float(here["score"]), score_cpu=float(there["score"]), epochs=epochs,
        within=bool(apart[0] <= first and apart.max() <= every and answers <= last),
    )  # fmt: skip
