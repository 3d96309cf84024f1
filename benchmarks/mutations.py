"""Damaged and changed files for every reader, which must refuse them with a sentence or load them correctly.

    python benchmarks/mutations.py                      50,000 mutations over all kinds of files, and the table
    python benchmarks/mutations.py --tries 200 model    some of one kind

Half of the tries change the file's bytes as a disk or a network might: flipped bits, a truncation, a hole of zeros, inserted
bytes. The other half change the file's contents (values of wrong types, huge and negative numbers, NaN, missing and additional
entries, deep nesting, other shapes and dtypes) and write the file anew with a valid digest, as only a program can.

    survived    loaded, and equal to the original; or, if the change was sealed or there is no digest, intact and usable
    refused     a FalllineError
    silent      the digest should have revealed the change, but something other than the original was loaded
    tracebacks  any other exception, and tries that take longer than 20 s

Every kind runs in its own process; `peak` is the process's peak memory, including imports and JAX.
"""

import argparse
import contextlib
import copy
import dataclasses
import io
import json
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fallline as fl
from fallline.core.errors import DataWarning

SECONDS = 20  # time limit of one try
DEEP, DIGITS = "@@DEEP@@", "@@DIGITS@@"  # placeholders for contents that no JSON or TOML writer produces
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**6, 10**12, 10**30, -(10**30), 0.5, -2.5, 1e308, 1e-308, float("nan"), float("inf"),
    -float("inf"),
    "", "x", "none", "\x00", "os:system", "日本語\u202e", "a" * 5000, [], [[]], [0], ["x"], [1e308], {}, {"name": "x"},
    {"name": "relu"}, {"name": "uniform", "low": 0, "high": 1}, {"": {}}, DEEP, DIGITS,
)  # fmt: skip
Rng = random.Random


@dataclasses.dataclass
class Kind:
    """One kind of file.

    Arguments:
        path: the file.
        read: reads and uses the file; the result is compared.
        sealed: writes the file anew from mutated content, with valid digests.
        digest: whether every change of its bytes must be noticed.
        same: whether a result counts as equal to the original.
    """

    path: Path
    read: Callable[[], Any]
    sealed: Callable[[Rng], bytes]
    digest: bool
    same: Callable[[Any, Any], bool] = lambda found, original: found == original


class TooLongError(Exception):
    """Raised when a try takes longer than allowed."""


def damaged(rng: Rng, content: bytes) -> bytes:
    """Bytes as a disk, a network or a killed program leaves them."""
    found, how = bytearray(content), rng.randrange(6)
    if how == 0:
        return bytes(found[: rng.randrange(len(found))])
    if how == 1:
        place, size = rng.randrange(len(found)), rng.choice((1, 16, 512))
        found[place : place + size] = bytes(min(size, len(found) - place))
    elif how == 2:
        place = rng.randrange(len(found))
        found[place:place] = rng.randbytes(rng.choice((1, 4, 100)))
    else:
        for _ in range(rng.choice((1, 1, 3))):
            # The beginning and the end of a file determine how the rest is read.
            place = rng.choice(
                (
                    rng.randrange(len(found)),
                    rng.randrange(min(len(found), 200)),
                    -1 - rng.randrange(min(len(found), 200)),
                )
            )
            found[place] ^= 1 << rng.randrange(8)
    return bytes(found)


def altered(rng: Rng, tree: Any) -> Any:
    """A copy of plain data with one to three changes somewhere inside."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if not places:
            break
        owner, key = rng.choice(places)
        how = rng.randrange(10)
        if how < 6:
            owner[key] = copy.deepcopy(rng.choice(VALUES))
        elif how == 6:
            del owner[key]
        elif how == 7 and isinstance(owner, dict):
            owner[rng.choice(("x", "", "name", f"{key}_", "kind"))] = copy.deepcopy(rng.choice(VALUES))
        elif how == 7:
            owner.insert(key, copy.deepcopy(owner[key]))
        elif how == 8:
            other, name = rng.choice(places)
            with contextlib.suppress(KeyError, IndexError):
                owner[key] = copy.deepcopy(other[name])
        elif isinstance(owner[key], int | float):
            owner[key] = owner[key] * rng.choice((-1, 2, 1000, 1e9, 0.5))
        else:
            owner[key] = [owner[key]]
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(pairs):
        yield tree, key
        yield from _places(value)


def altered_arrays(rng: Rng, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays with one change: a value, a shape, a dtype, a name, one too few or too many."""
    arrays = {name: array.copy() for name, array in arrays.items()}
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    how = rng.randrange(9)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[rng.choice(("params", "x/y", f"{name}/inner", f"{name}2"))] = array
    elif how == 2 and array.dtype.kind in "fiub":
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(rng.choice((np.float64, np.float16, np.int32, np.uint8, np.bool_)))
    elif how == 3:
        arrays[name] = rng.choice(
            (array[None], array.reshape(-1), array[..., :0] if array.ndim else array[None], np.zeros((0, 0)))
        )
    elif how == 4:
        arrays[name] = np.concatenate([array, array]) if array.ndim else np.stack([array, array])
    elif how == 5:
        arrays[name] = array.T if array.ndim == 2 else np.zeros((3, 3), array.dtype)
    elif how == 6:
        del arrays[name]
        arrays[name + rng.choice(("_", "/x", "\n"))] = array
    elif array.size and array.dtype.kind in "fiu":
        flat = arrays[name].reshape(-1)
        place = rng.randrange(array.size)
        values = (np.nan, np.inf, -np.inf, 1e38, -1e38, 0.0) if array.dtype.kind == "f" else (0, 1, 99, 2**30)
        flat[place] = rng.choice(values)
        arrays[name] = flat.reshape(array.shape)
    return arrays


def as_json(tree: Any) -> str:
    """JSON with the nesting depth and the digits that no writer would produce."""
    text = json.dumps(tree, sort_keys=True)
    return text.replace(f'"{DEEP}"', "[" * 5000 + "]" * 5000).replace(f'"{DIGITS}"', "9" * 5000)


def as_toml(tree: Any) -> str:
    """TOML in the same way; values that TOML cannot express become text."""
    import tomli_w

    text = tomli_w.dumps(_without_none(tree))
    return text.replace(f'"{DEEP}"', "[" * 5000 + "]" * 5000).replace(f'"{DIGITS}"', "9" * 5000)


def _without_none(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {str(key): _without_none(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_without_none(value) for value in tree]
    return "none" if tree is None else tree


def as_tensors(arrays: dict[str, np.ndarray], text: str) -> bytes:
    """A Fallline safetensors file with a valid digest."""
    from safetensors.numpy import save

    from fallline.core.tensors import _digest

    arrays = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    return bytes(save(arrays, metadata={"fallline": _digest(arrays, text) + text}))


def as_npz(arrays: dict[str, np.ndarray]) -> bytes:
    """A NumPy archive."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name.replace("/", "_"): array for name, array in arrays.items()})
    return buffer.getvalue()


def tensors_sealed(path: Path, what: str) -> Callable[[Rng], bytes]:
    """Change a description or arrays, and seal the file again."""
    from fallline.core.tensors import load_tensors

    arrays, described = load_tensors(path, what)

    def sealed(rng: Rng) -> bytes:
        if rng.random() < 0.6:
            return as_tensors(arrays, as_json(altered(rng, described)))
        return as_tensors(altered_arrays(rng, arrays), as_json(described))

    return sealed


def finite(array: Any, shape: tuple[int, ...] | None = None) -> None:
    """Check that a loaded model answers with finite numbers of the right shape."""
    array = np.asarray(array)
    assert array.dtype.kind not in "f" or np.isfinite(array).all(), "an answer is not finite"
    assert shape is None or array.shape == shape, f"an answer has the shape {array.shape}"


def small_run(folder: Path, **options: Any) -> tuple[fl.Table, Any]:
    """A trained run of a table with every kind of column."""
    import polars as pl

    rng = np.random.default_rng(0)
    n = 80
    frame = pl.DataFrame(
        {
            "size": rng.normal(3, 1, n), "count": rng.integers(0, 9, n), "colour": rng.choice(["red", "green", "blue"], n),
            "on": rng.choice(["yes", "no"], n), "day": [f"2024-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(n)],
            "price": [f"{k % 7 + 1}.{k:03},5 km" for k in range(n)], "far": 1e200 * rng.normal(size=n),
            "when": [f"{1 + k % 28:02}.{1 + k % 12:02}.2024 10:{k % 60:02}+02:00" for k in range(n)],
            "town": ["x" if k % 2 else f"town {k}" for k in range(n)],
            "kind": rng.choice(["a", "b", "c"], n),
        }
    )  # fmt: skip
    frame.write_csv(folder / "rows.csv")
    table = fl.load(folder / "rows.csv", "kind", kinds={"count": "number"})
    recipe = fl.Recipe(model=fl.MLP(hidden=(5,), dropout=0.1), epochs=3, batch_size=32, **options)
    return table, recipe


def model(folder: Path) -> Kind:
    """`model.safetensors`."""
    table, recipe = small_run(folder)
    fl.train(recipe, table).model.save(folder / "model.safetensors")
    x = table.dataset.x[:5]

    def read() -> Any:
        found = fl.load_predictor(folder / "model.safetensors")
        rows = (
            x
            if len(found.schema.feature_names) == x.shape[1]
            else np.zeros((5, len(found.schema.feature_names)), np.float32)
        )
        answer = found.probabilities(rows) if found.task != "regression" else found.predict(rows)
        finite(answer)
        assert len(found.predict(rows)) == 5
        with (
            contextlib.suppress(fl.FalllineError),
            warnings.catch_warnings(),
        ):  # columns may differ from the file's
            warnings.simplefilter("ignore", DataWarning)
            assert len(found.predict(folder / "rows.csv")) == 80
        return answer.tobytes()

    return Kind(folder / "model.safetensors", read, tensors_sealed(folder / "model.safetensors", "model"), True)


def checkpoint(folder: Path) -> Kind:
    """`checkpoint.safetensors` of a training."""
    import jax

    from fallline.core.block import as_arrays
    from fallline.probes import RECORDED
    from fallline.training import program
    from fallline.training.checkpoint import NAME, load_checkpoint, save_checkpoint
    from fallline.training.preparation import prepare
    from fallline.training.state import empty_history

    table, recipe = small_run(folder, optimizer=fl.Adam(fl.Cosine(0.01)))
    run = fl.train(recipe, table)
    whole, arrays, key = prepare(recipe, table, 0)
    activations = program.network_of(whole, arrays).activations
    count = len(run.history)
    empty = empty_history(count, len(run.state.params), activations, recorded=RECORDED)
    seen = {name: np.zeros_like(np.asarray(room)) for name, room in empty.items()}
    save_checkpoint(folder, run.state, seen, {"seed": 0})
    like = jax.eval_shape(program.start, as_arrays(whole), arrays, key)

    def read() -> Any:
        state, shown, said = load_checkpoint(folder, like, {"seed": 0}, activations)
        if state is None:
            raise fl.FalllineError(said[0])
        jax.tree.map(finite, (state.params, state.best_params))
        leaves = [
            jax.random.key_data(k) if jax.dtypes.issubdtype(k.dtype, jax.dtypes.prng_key) else k
            for k in jax.tree.leaves(state)
        ]
        return b"".join(np.asarray(leaf).tobytes() for leaf in (*leaves, *jax.tree.leaves(shown)))

    return Kind(folder / NAME, read, tensors_sealed(folder / NAME, "checkpoint"), True)


def trained_policy() -> Any:
    """A policy of two layers, with scaling."""
    from fallline.control.environments import Facts
    from fallline.control.network import PolicyNetwork
    from fallline.control.policy import TrainedPolicy
    from fallline.control.statistics import Scaling

    network, rng = PolicyNetwork((4, 3, 2), "tanh"), np.random.default_rng(0)
    facts = Facts("CartPole-v1", 4, 2, True, False, 500, 475.0, {"gymnasium": "1.1"})
    scaling = Scaling(rng.normal(size=4), np.ones(4))
    return TrainedPolicy(network, rng.normal(size=network.size), scaling, facts, "clip", 500, {"seed": 1, "score": 9.5})


def policy(folder: Path) -> Kind:
    """`policy.safetensors`."""
    from fallline.control.environments import registered
    from fallline.control.policy import load_policy

    path = folder / "policy.safetensors"
    trained_policy().save(path)

    def read() -> Any:
        found = load_policy(path)
        x = np.linspace(-1, 1, found.network.widths[0])
        output = found.network.at(found.point, found.scaling)(x)
        found.act(x)
        found.differing_versions()
        assert output.shape == (found.network.widths[-1],)
        with contextlib.suppress(fl.FalllineError):
            registered(found.facts.name, "the file")
        return output.tobytes(), found.facts, found.outside, found.horizon, found.notes

    return Kind(path, read, tensors_sealed(path, "policy"), True)


def policy_training(folder: Path) -> tuple[Any, Any]:
    """The parts of a small policy training, and its state after two iterations."""
    from fallline.control.recipe import PolicyRecipe
    from fallline.control.search import open_collector
    from fallline.control.training import Training
    from fallline.methods import ARS

    recipe = PolicyRecipe(method=ARS(step=0.1, noise=0.1, directions=2), episodes=2)
    training = Training(recipe, open_collector("jax:cartpole", recipe), 0)
    progress = training.start()
    training.evaluate(progress)
    training.iterate(progress)
    training.iterate(progress)
    return training, progress


def policy_checkpoint(folder: Path) -> Kind:
    """`checkpoint.safetensors` of a policy's training."""
    from fallline.control.checkpoint import NAME, _tree, load_checkpoint, save_checkpoint
    from fallline.core.tensors import flatten

    training, progress = policy_training(folder)
    save_checkpoint(folder, progress, training.description)
    like = training.start()

    def read() -> Any:
        found = load_checkpoint(folder, like, training.description)
        assert found is not None
        finite(found.method.point)
        finite(found.best)
        found.curve.evaluation_rows()
        return [(name, array.tobytes()) for name, array in flatten(_tree(found)).items()], str(found.curve)

    return Kind(folder / NAME, read, tensors_sealed(folder / NAME, "checkpoint"), True)


def recipe(folder: Path) -> Kind:
    """`recipe.toml` of a training."""
    from fallline.training.folder import Plan, checked, plan_to_toml, read_plan
    from fallline.training.recipe import recipe_to_plain

    table, own = small_run(folder, optimizer=fl.Adam(fl.Cosine(0.1, warmup=0.1)), penalty=fl.L2(1e-4))
    path = folder / "recipe.toml"
    path.write_text(plan_to_toml(Plan(own, table.source, 3)))
    plain = {"seed": 3, "data": table.source, **recipe_to_plain(own)}

    def read() -> Any:
        found = read_plan(path)
        checked(found, table)
        return recipe_to_plain(found.recipe)

    return Kind(path, read, lambda rng: as_toml(altered(rng, plain)).encode("utf-8", "replace"), False)


def policy_recipe(folder: Path) -> Kind:
    """`recipe.toml` of a policy's training."""
    from fallline.control.folder import Plan, read_plan, write_plan
    from fallline.control.presets import preset
    from fallline.control.recipe import to_tables

    own = preset("Hopper-v5")
    write_plan(folder, Plan("Hopper-v5", own, 3, 2))
    plain = {"environment": "Hopper-v5", "seed": 3, "seeds": 2, **to_tables(own)}
    facts = trained_policy().facts

    def read() -> Any:
        found = read_plan(folder / "recipe.toml")
        found.folders(folder)
        assert found.recipe.policy.network(facts).size > 0
        return to_tables(found.recipe)

    def sealed(rng):
        return as_toml(altered(rng, plain)).encode("utf-8", "replace")

    return Kind(folder / "recipe.toml", read, sealed, False)


def study(folder: Path) -> Kind:
    """`study.db`: flipped bits, and changed rows with valid digests."""
    from fallline.searching.description import describe, read_description
    from fallline.searching.store import Store
    from fallline.searching.trial import history_of, trials_of
    from fallline.strategies.space import Space

    table = fl.load("sklearn:iris")
    space = Space(
        fl.replace(
            fl.Recipe(epochs=3),
            {"optimizer.learning_rate.peak": fl.LogUniform(1e-5, 1e-1), "model.dropout": fl.Uniform(0, 0.5)},
        )
    )
    about = describe(space, table, strategy=fl.TPE(), folds=None, seeds=1, halving=None, batch=8, piece=None, trials=24)
    path = folder / "study.db"
    store = Store(path)
    store.begin(1, about)
    points = np.random.default_rng(0).random((24, 2))
    store.reserve(24, 24, lambda rows, numbers: points)
    store.finish(
        [
            {"number": n, "outcome": "finished", "score": float(n % 7) + 0.5, "error": 0.1, "epochs": 3.0, "lane_epochs": 3,
             "seconds": 0.5, "columns": {"valid_loss": 0.5, "valid_accuracy": None}}
            for n in range(23)
        ]
    )  # fmt: skip
    store.release([23])
    store.engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()

    def read() -> Any:
        for name in ("study.db-wal", "study.db-shm"):
            (folder / name).unlink(missing_ok=True)
        opened = Store(path)
        try:
            described = opened.described()
            if described is None:
                raise fl.FalllineError("there is no such study")
            seed, kept = opened.begin(1, about)
            kept = read_description(kept, "study", 2)
            trials = trials_of(space, opened.rows())
            history_of(space, trials).order()
            held = {each.number for each in trials}
            while mine := opened.reserve(30, 24, lambda rows, numbers: np.full((len(numbers), 2), 0.5)):
                held |= {number for number, _ in mine}
            assert held == set(range(24)), "a trial is lost"
            return seed, kept, {each.number: repr(each) for each in trials}
        finally:
            opened.engine.dispose()

    return Kind(path, read, _rows_sealed(path.read_bytes(), folder), True, _no_trial_differs)


def _no_trial_differs(found: Any, original: Any) -> bool:
    return bool(found[:2] == original[:2] and found[2].items() <= original[2].items())


def _rows_sealed(content: bytes, folder: Path) -> Callable[[Rng], bytes]:
    import types

    from fallline.searching.rows import RESULT, digest, study_digest

    def sealed(rng: Rng) -> bytes:
        path = folder / "sealing.db"
        path.write_bytes(content)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = DELETE")
        if rng.random() < 0.3:
            about = json.loads(connection.execute("SELECT description FROM studies").fetchone()[0])
            text, seed = as_json(altered(rng, about)), rng.choice((1, 1, -1, 2**40))
            values = (text, seed, study_digest(1, "study", seed, text))
            connection.execute("UPDATE studies SET description = ?, seed = ?, digest = ?", values)
        else:
            number = rng.randrange(24)
            names = ("study", "number", "point", *RESULT)
            row = dict(
                zip(
                    names,
                    connection.execute(f"SELECT {', '.join(names)} FROM trials WHERE number = ?", (number,)).fetchone(),
                    strict=True,
                )
            )
            name = rng.choice(("point", *RESULT))
            value = rng.choice(
                [each for each in VALUES if not isinstance(each, list | dict | int) or isinstance(each, bool)]
                + [7, -7, 2**62, b"\xff", "[]", "{}", "[2.0, 0.5]", '{"a": "b"}', "[" * 5000]
            )
            row[name] = None if value is None else int(value) if isinstance(value, bool) else value
            row["digest"] = digest(types.SimpleNamespace(**row))
            with contextlib.suppress(sqlite3.IntegrityError):
                connection.execute(
                    f"UPDATE trials SET {name} = ?, digest = ? WHERE number = ?", (row[name], row["digest"], number)
                )
        connection.commit()
        connection.close()
        return path.read_bytes()

    return sealed


def table_of(path: Path, target: str | None = None) -> Callable[[], Any]:
    """Load a table and return its contents for comparison."""

    def read() -> Any:
        found = fl.load(path, target)
        x = found.dataset.x
        assert x.ndim == 2
        assert not np.isinf(x).any()
        assert len(found.dataset.y) == len(x)
        assert sum(len(part) for part in (found.dataset.train, found.dataset.valid, found.dataset.test)) == len(x)
        return found.fingerprint

    return read


def npz(folder: Path) -> Kind:
    """A NumPy archive; its checksums are the digests."""
    rng = np.random.default_rng(0)
    arrays = {"X": rng.normal(size=(30, 3)), "y": rng.integers(0, 2, 30), "X_test": rng.normal(size=(9, 3))}
    arrays |= {"y_test": np.array([0, 1, 0] * 3), "feature_names": np.array(["a", "b", "c"])}
    path = folder / "rows.npz"
    path.write_bytes(as_npz(arrays))

    def sealed(rng: Rng) -> bytes:
        if rng.random() < 0.5:
            return as_npz(altered_arrays(rng, arrays))
        buffer = io.BytesIO()  # the header of one array is changed and its checksum recomputed
        with zipfile.ZipFile(io.BytesIO(as_npz(arrays))) as old, zipfile.ZipFile(buffer, "w") as new:
            chosen = rng.choice(old.namelist())
            for name in old.namelist():
                content = old.read(name)
                new.writestr(name, damaged(rng, content[:128]) + content[128:] if name == chosen else content)
        return buffer.getvalue()

    return Kind(path, table_of(path), sealed, True)


def _frame() -> Any:
    import polars as pl

    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "a": rng.normal(size=40),
            "b": rng.integers(0, 99, 40),
            "c": rng.choice(["x", "y"], 40),
            "t": rng.choice(["p", "q"], 40),
        }
    )


def _columns_sealed(write: Callable[[Any, io.BytesIO], Any]) -> Callable[[Rng], bytes]:
    """Another table: other types, missing cells, other names."""
    import polars as pl

    def sealed(rng: Rng) -> bytes:
        frame = _frame()
        name = rng.choice(frame.columns)
        odd = rng.choice(
            [
                pl.Series(name, [None] * 40), pl.Series(name, [[1, 2]] * 40), pl.Series(name, [{"a": 1}] * 40),
                pl.Series(name, [b"\xff"] * 40), pl.Series(name, [float("nan")] * 40), pl.Series(name, [float("inf")] * 40),
                pl.Series(name, [1e308] * 40), pl.Series(name, ["\x00"] * 40), pl.Series(name, [True, None] * 20),
                pl.Series(name, ["2024-01-01", "x"] * 20).cast(pl.Categorical), pl.Series(name, [2**63 - 1, 0] * 20),
                pl.Series(name, range(40)).cast(pl.Decimal(20, 2)), pl.Series(name, range(40)).cast(pl.Duration("us")),
                pl.Series(name, range(40)).cast(pl.Time), pl.Series(name, range(40)).cast(pl.Date),
            ]
        )  # fmt: skip
        frame = frame.with_columns(odd)
        if rng.random() < 0.2:
            frame = frame.rename({rng.choice(frame.columns): rng.choice(("", "\x00", "é" * 300, "t2"))})
        if rng.random() < 0.2:
            frame = frame.head(rng.choice((0, 1, 2, 3)))
        buffer = io.BytesIO()
        write(frame, buffer)
        return buffer.getvalue()

    return sealed


def parquet(folder: Path) -> Kind:
    """A Parquet table."""
    path = folder / "rows.parquet"
    _frame().write_parquet(path)
    return Kind(path, table_of(path, "t"), _columns_sealed(lambda frame, file: frame.write_parquet(file)), False)


def arrow(folder: Path) -> Kind:
    """An Arrow table."""
    path = folder / "rows.arrow"
    _frame().write_ipc(path)
    return Kind(path, table_of(path, "t"), _columns_sealed(lambda frame, file: frame.write_ipc(file)), False)


def csv(folder: Path) -> Kind:
    """A table as text."""
    path = folder / "rows.csv"
    _frame().write_csv(path)

    def sealed(rng: Rng) -> bytes:
        lines = [line.split(",") for line in path_text.splitlines()]
        row = rng.choice(lines)
        row[rng.randrange(len(row))] = rng.choice(
            [str(each) for each in VALUES if not isinstance(each, list | dict)] + ['"', ",,", "=1+1"]
        )
        return "\n".join(",".join(each) for each in lines).encode("utf-8", "replace")

    path_text = path.read_text()
    return Kind(path, table_of(path, "t"), sealed, False)


def run_folder(folder: Path) -> Path:
    """A run folder with a search's description."""
    from fallline.training import folder as folders

    table, own = small_run(folder)
    plan = folders.Plan(own, table.source, 0)
    run = fl.train(own, table)
    home = folder / "run"
    folders.begin_folder(home, plan)
    folders.finish_folder(home, plan, run, table)
    return home


def reported(home: Path) -> Callable[[], Any]:
    """The page without Plotly's own text, three megabytes that never change."""
    from fallline.report import page

    def read() -> Any:
        run = page.read_finished(home)
        figures = page.curves_of(run.history, run.summary)
        search = page.read_search(home)
        page._header(run, "x"), page._cards(run), page._notes(run.summary["notes"])
        page._search(search, 0), page._metrics(run.summary), page._classes(run.summary["data"]), page._recipe(run)
        return run.summary, search is None or search[0], repr(figures)

    return read


def metrics(folder: Path) -> Kind:
    """`metrics.json`."""
    home = run_folder(folder)
    plain = json.loads((home / "metrics.json").read_text())
    return Kind(
        home / "metrics.json",
        reported(home),
        lambda rng: as_json(altered(rng, plain)).encode("utf-8", "replace"),
        False,
    )


def history(folder: Path) -> Kind:
    """`history.parquet`."""
    home = run_folder(folder)

    def sealed(rng: Rng) -> bytes:
        import polars as pl

        frame = pl.read_parquet(io.BytesIO(content))
        name = rng.choice(frame.columns)
        odd = rng.choice(
            [
                pl.Series(name, [None] * 3),
                pl.Series(name, ["x"] * 3),
                pl.Series(name, [[1]] * 3),
                pl.Series(name, [float("inf")] * 3),
                pl.Series(name, [-1, 0, 1]),
                pl.Series(name, [2**60] * 3),
                pl.Series("epoch", [3, 2, 1]),
            ]
        )
        frame = frame.with_columns(odd) if rng.random() < 0.7 else frame.drop(name).head(rng.choice((0, 1, 3)))
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()

    content = (home / "history.parquet").read_bytes()
    return Kind(home / "history.parquet", reported(home), sealed, False)


def search(folder: Path) -> Kind:
    """`study.json`."""
    from fallline.searching.summary import write_summary

    home = run_folder(folder)
    space = fl.replace(
        fl.Recipe(model=fl.MLP(hidden=(4,)), epochs=2),
        {
            "optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1),
            "model.dropout": fl.Uniform(0, 0.5),
            "model.activation": fl.Choice((fl.ReLU(), fl.Tanh())),
        },
    )
    plain = write_summary(home, fl.search(space, fl.load("sklearn:iris"), trials=9, batch=9))
    return Kind(
        home / "study.json", reported(home), lambda rng: as_json(altered(rng, plain)).encode("utf-8", "replace"), False
    )


KINDS: dict[str, Callable[[Path], Kind]] = {
    "model": model, "checkpoint": checkpoint, "policy": policy, "policy checkpoint": policy_checkpoint, "recipe": recipe,
    "policy recipe": policy_recipe, "study": study, "npz": npz, "parquet": parquet, "arrow": arrow, "csv": csv,
    "metrics.json": metrics, "history.parquet": history, "study.json": search,
}  # fmt: skip


@dataclasses.dataclass
class Found:
    """Results of the tries of one kind."""

    tried: int = 0
    survived: int = 0
    refused: int = 0
    silent: int = 0
    tracebacks: int = 0
    slowest: float = 0.0
    megabytes: int = 0
    examples: dict[str, int] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raises TooLongError after this number of seconds."""

    def end(*_: Any) -> None:
        raise TooLongError(f"it took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(kind: Kind, original: Any, seal: bool) -> str:
    """The result of one changed file: the name of a column of the table, and for a fault its last line."""
    try:
        with warnings.catch_warnings(), limited(SECONDS):
            warnings.simplefilter("ignore")
            found = kind.read()
    except fl.FalllineError:
        return "refused"
    except MemoryError:
        return "tracebacks MemoryError"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"tracebacks {type(error).__name__}: {str(error)[:80]} ({Path(last.filename).name}:{last.lineno})"
    if kind.digest and not seal and not kind.same(found, original):
        return "silent"
    return "survived"


def campaign(name: str, tries: int, seed: int = 0) -> Found:
    """Try a number of changed files of one kind; the same seed yields the same files."""
    found = Found()
    with tempfile.TemporaryDirectory() as folder:
        kind = KINDS[name](Path(folder))
        content = kind.path.read_bytes()  # reading a study writes into it
        original = kind.read()
        for number in range(tries):
            rng = Rng(f"{seed} {name} {number}")
            seal = bool(number % 2)
            kind.path.write_bytes(kind.sealed(rng) if seal else damaged(rng, content))
            began = time.perf_counter()
            word, _, example = attempt(kind, original, seal).partition(" ")
            found.slowest = max(found.slowest, time.perf_counter() - began)
            found.tried += 1
            setattr(found, word, getattr(found, word) + 1)
            if word in ("silent", "tracebacks"):
                name_of = f"{word} {example}" if example else f"silent, try {number}"
                found.examples[name_of] = found.examples.get(name_of, 0) + 1
        kind.path.write_bytes(content)
        assert kind.same(kind.read(), original), "the file itself is read no more"
    found.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--tries", type=int, help="of each kind (default: 50,000 over all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", action="store_true", help="in this process, as JSON")
    given = parser.parse_args()
    kinds = given.kinds or list(KINDS)
    tries = given.tries or -(-50_000 // len(KINDS))
    if given.one:
        found = campaign(kinds[0], tries, given.seed)
        print(json.dumps(dataclasses.asdict(found)))
        return
    print(
        "| kind | tried | survived | refused | silent | tracebacks | slowest, s | peak, MB |\n|---|---|---|---|---|---|---|---|"
    )
    total, bad = Counter(), 0
    for name in kinds:
        words = [sys.executable, __file__, name, "--one", "--tries", str(tries), "--seed", str(given.seed)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            print(f"| {name} | the process ended with {done.returncode}: {done.stderr.strip()[-300:]} |")
            bad += 1
            continue
        found = Found(**json.loads(done.stdout.splitlines()[-1]))
        counts = {key: getattr(found, key) for key in ("tried", "survived", "refused", "silent", "tracebacks")}
        total.update(counts)
        shown = " | ".join(f"{count:,}" for count in counts.values())
        print(f"| {name} | {shown} | {found.slowest:.2f} | {found.megabytes:,} |", flush=True)
        for example, count in Counter(found.examples).most_common(8):
            print(f"  {count} x {example}", file=sys.stderr)
    print("| all | " + " | ".join(f"{count:,}" for count in total.values()) + " | | |")
    sys.exit(1 if bad or total["silent"] or total["tracebacks"] else 0)


if __name__ == "__main__":
    main()
