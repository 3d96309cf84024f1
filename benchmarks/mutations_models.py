"""Files of trained networks: the model, the checkpoint and the recipe."""

import contextlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from mutations_changes import Kind, altered, as_json, as_toml, finite, tensors_sealed

import fallline as fl
from fallline.core.errors import DataWarning
from fallline.serving import find_served
from fallline.serving.served import digest_of_program


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
        path = folder / "model.safetensors"
        found, served = fl.load_predictor(path), find_served(path)
        rows = (
            x
            if len(found.schema.feature_names) == x.shape[1]
            else np.zeros((5, len(found.schema.feature_names)), np.float32)
        )
        answer = found.probabilities(rows) if found.task != "regression" else found.predict(rows)
        finite(answer)
        if served is not None:
            finite(served.predicted(rows))
        assert len(found.predict(rows)) == 5
        with (
            contextlib.suppress(fl.FalllineError),
            warnings.catch_warnings(),
        ):  # columns may differ from the file's
            warnings.simplefilter("ignore", DataWarning)
            assert len(found.predict(folder / "rows.csv")) == 80
        return answer.tobytes()

    def bind(arrays: dict[str, np.ndarray], described: Any) -> None:
        with contextlib.suppress(AttributeError, KeyError, RecursionError, TypeError, ValueError):
            described["program"]["of"] = digest_of_program(arrays, json.loads(as_json(described)))

    return Kind(folder / "model.safetensors", read, tensors_sealed(folder / "model.safetensors", "model", bind), True)


def checkpoint(folder: Path) -> Kind:
    """`checkpoint.safetensors` of a training."""
    import jax

    from fallline.core.block import as_arrays
    from fallline.probes import RECORDED
    from fallline.training import program
    from fallline.training.checkpoint import NAME, load_checkpoint, save_checkpoint
    from fallline.training.moment import network_of
    from fallline.training.preparation import prepare
    from fallline.training.state import empty_history

    table, recipe = small_run(folder, optimizer=fl.Adam(fl.Cosine(0.01)))
    run = fl.train(recipe, table)
    whole, arrays, key = prepare(recipe, table, 0)
    activations = network_of(whole, arrays).activations
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
