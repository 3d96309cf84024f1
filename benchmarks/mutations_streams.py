"""Files of streams and the identity of a run: blocks and preparations in the cache, and checkpoints within an epoch."""

import itertools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from mutations_changes import Kind, Rng, altered, as_json, finite, tensors_sealed
from mutations_runs import run_folder

import fallline as fl


def identity(folder: Path) -> Kind:
    """`identity.json`, by which a finished run is found again."""
    from fallline.training.identity import NAME, find_run, keep_identity, read_identity

    home = run_folder(folder)
    asked = {"kind": "training", "recipe": "a" * 64, "data": "b" * 64, "seed": 0, "members": 1, "extended": [[0, 3]]}
    keep_identity(home, asked)
    plain = json.loads((home / NAME).read_text())

    def read() -> Any:
        found = read_identity(home)
        if found is None:
            raise fl.FalllineError("it is trained again")
        assert find_run(found, home) in (home, None)
        return find_run(asked, home) == home and found == asked

    return Kind(home / NAME, read, lambda rng: as_json(altered(rng, plain)).encode("utf-8", "replace"), False)


def small_stream(folder: Path) -> Any:
    """A stream with numbers, a category and a date, in a cache of its own."""
    import polars as pl

    from fallline.streams.cache import Cache

    rng = np.random.default_rng(0)
    n = 300
    frame = pl.DataFrame(
        {
            "a": rng.normal(size=n), "colour": rng.choice(["red", "green", "blue"], n), "n": rng.integers(0, 9, n),
            "day": [f"2024-{1 + k % 12:02}-{1 + k % 28:02}" for k in range(n)], "y": rng.choice(["yes", "no"], n),
        }
    )  # fmt: skip
    frame.write_parquet(folder / "rows.parquet")
    stream = fl.scan(folder / "rows.parquet", "y", cache="1GB")
    stream._cache = Cache(stream.key, 10**9, folder / "cache")
    return stream


def block(folder: Path) -> Kind:
    """A block of encoded rows in the cache."""
    from fallline.streams import blocks

    stream = small_stream(folder)
    x = stream.table().dataset.x
    path = stream._cache.path(0)
    content = path.read_bytes()
    start = blocks._START
    length = int.from_bytes(content[start - 8 : start - 4], "little")
    header, rows = json.loads(content[start : start + length]), content[start + length :]

    def read() -> Any:
        found = stream._cache.whole(0)
        if found is None or not stream.encoder.fits(found.rows):
            raise fl.FalllineError("it is encoded anew")
        again = [stream.part(0, part) for part in range(3)]
        out = np.empty((sum(map(len, again)), x.shape[1]), np.float32)
        stream.encoder.expand(found.rows, out)
        return out.tobytes() + b"".join(each.y.tobytes() for each in again)

    def sealed(rng: Rng) -> bytes:
        body = bytearray(rows)
        if rng.random() < 0.4:
            body[rng.randrange(len(body))] = rng.randrange(256)
            sizes = [len(body) * count // sum(header["counts"]) for count in header["counts"]]
            ends = np.cumsum([0, *sizes])
            said = {**header, "checks": [zlib.crc32(bytes(body[a:b])) for a, b in itertools.pairwise(ends)]}
        else:
            said = altered(rng, header)
        text = as_json(said).encode("utf-8", "replace")
        return b"".join(
            (blocks._MAGIC, len(text).to_bytes(4, "little"), zlib.crc32(text).to_bytes(4, "little"), text, bytes(body))
        )

    return Kind(path, read, sealed, True)


def preparation(folder: Path) -> Kind:
    """`prepared.safetensors`: a stream's schema and what was gathered of its rows."""
    from fallline.streams.prepared import NAME, load_prepared
    from fallline.streams.stream import Stream

    stream = small_stream(folder)
    stream.table()
    path = stream._cache.folder / NAME

    def read() -> Any:
        found = load_prepared(path.parent, stream.key, 1, stream.piece)
        if found is None:
            raise fl.FalllineError("it is prepared anew")
        again = Stream.__new__(Stream)
        again.__dict__.update({key: value for key, value in vars(stream).items() if key not in _MADE})
        dataset = again.table().dataset
        return dataset.x.tobytes() + repr((found.remarks, found.learnt.schema.to_dict())).encode()

    return Kind(path, read, tensors_sealed(path, "stream"), True)


_MADE = (
    "prepared",
    "encoder",
    "sample",
    "_starts",
    "fingerprint",
    "_last",
)  # what a stream keeps once it is asked for it


def stream_checkpoint(folder: Path) -> Kind:
    """`checkpoint.safetensors` of a training on a stream, in the middle of its second epoch."""
    import jax

    from fallline.training.history import join
    from fallline.training.stream_checkpoint import NAME, load_place, save_place
    from fallline.training.stream_recipe import prepare_stream
    from fallline.training.streamed import RECORDED, _Loop

    stream = small_stream(folder)
    recipe = fl.Recipe(model=fl.MLP(hidden=(4,)), batch_size=16, epochs=3)
    run = prepare_stream(recipe, stream, 0, RECORDED)
    loop = _Loop(run, stream, 64)
    epochs: list[Any] = []

    class Watch:
        """Ends the run in its second epoch."""

        within_epochs = True

        def __call__(self, moment: Any) -> bool:
            return bool(moment.done > 1.3)

    place, _, _ = loop.driven(loop.start(), epochs, watch=Watch(), began=0.0, save=None, every=1e9)
    assert place.window, "the checkpoint is to be within an epoch"
    said = loop.identity(0)
    save_place(folder, place, join(epochs), said, run.recorded)

    def read() -> Any:
        found, seen, why = load_place(folder, loop.start(), said, run.recorded, len(loop.facts.counts))
        if found is None:
            raise fl.FalllineError(why[0])
        jax.tree.map(finite, (found.state.params, found.state.best_params))
        leaves = [
            jax.random.key_data(k) if jax.dtypes.issubdtype(k.dtype, jax.dtypes.prng_key) else k
            for k in jax.tree.leaves((found.state, found.tally, np.int32(found.window)))
        ]
        return b"".join(np.asarray(leaf).tobytes() for leaf in (*leaves, *jax.tree.leaves(seen)))

    return Kind(folder / NAME, read, tensors_sealed(folder / NAME, "checkpoint"), True)
