"""The sections `device`, `one`, `population` and `search` of `gpu.py`: how fast the card and Fallline on it are."""

import contextlib
import functools
import itertools
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from gpu_process import (
    LANE_ROWS,
    LANE_SHAPE,
    arguments,
    attempt,
    child,
    emit,
    ended,
    flops,
    left,
    median,
    shapes,
    shares,
)

SIDE = 8192  # of the matrices whose product gives the peak
LANES = (1, 16, 256, 4096)
BUFFERS = {
    "command buffers off": "--xla_gpu_enable_command_buffer=",
    "loops in command buffers": "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL,WHILE",
}


def device():
    import jax
    import jax.numpy as jnp

    from fallline.core.system import system

    words = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version,clocks.sm,clocks.max.sm,power.limit"]
    with contextlib.suppress(OSError):
        found = subprocess.run([*words, "--format=csv,noheader"], capture_output=True, text=True, timeout=20)
        emit("device", nvidia_smi=found.stdout.strip() or found.stderr.strip()[:200])
    emit("device", **system())
    n = 256 if arguments.small else SIDE

    def clock(function, *operands, times=10):
        jax.block_until_ready(function(*operands))

        def once():
            start = time.perf_counter()
            jax.block_until_ready(function(*operands))
            return time.perf_counter() - start

        return median(once, times)

    a, b = (jax.random.normal(jax.random.key(seed), (n, n)) for seed in (0, 1))
    for name, precision, kind in (
        ("default", None, jnp.float32),
        ("float32", "highest", jnp.float32),
        ("bfloat16", None, jnp.bfloat16),
    ):
        product = jax.jit(functools.partial(jnp.matmul, precision=precision))
        seconds = clock(product, a.astype(kind), b.astype(kind))
        emit("device", peak=name, side=n, tflops=2 * n**3 / seconds / 1e12)
    seconds = clock(jax.jit(lambda x: x + 1), a)
    emit("device", peak="copy", gigabytes_per_second=8 * n * n / seconds / 1e9)
    once = jax.jit(lambda x: x + 1)
    emit("device", launch_us=1e6 * clock(once, jnp.zeros(8), times=200), what="one call of a small program, awaited")


def one_shape(sizes, count, batch, how):
    """Time one network; compiling is reported apart."""
    import jax
    import one_run

    one_run.BATCH = batch
    x, y = one_run.rows(sizes, count)
    run, _ = one_run.ours(sizes, x, y)
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    seconds = median(run, 5) / (one_run.EPOCHS * -(-count // batch))
    rate = flops(sizes, batch) / seconds
    emit(
        "one", network="-".join(map(str, sizes)), batch=batch, how=how, us_per_step=seconds * 1e6, gflops=rate / 1e9,
        **shares(rate), first_seconds=first, device=jax.devices()[0].device_kind,
    )  # fmt: skip


def one():
    import jax

    for sizes, count, batch in shapes():
        attempt("one", sizes, lambda sizes=sizes, count=count, batch=batch: one_shape(sizes, count, batch, "default"))
    for how, flags in list(BUFFERS.items())[: 1 if arguments.small else None]:
        if left() > 25 or arguments.small:
            variables = {"XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} {flags}"}
            if not attempt(
                "one", how, lambda how=how, variables=variables: ended(child("one_flags", {"how": how}, variables))
            ):
                emit("one", failed=how)
    jax.config.update("jax_default_matmul_precision", "highest")
    sizes, count, batch = shapes()[-1]
    if left() > 10 and not arguments.small:
        attempt("one", "float32", lambda: one_shape(sizes, count, batch, "float32 products"))


def one_flags():
    options = json.loads(arguments.options)
    for sizes, count, batch in shapes()[:2]:
        one_shape(sizes, count, batch, options["how"])


def population():
    import jax
    import population as them

    from fallline.population import evaluate
    from fallline.population import sizes as chosen

    many = (2,) if arguments.small else LANES
    data = them.table(*them.rows(LANE_SHAPE, 512 if arguments.small else LANE_ROWS))
    count = len(data.dataset.train)

    def timed(lanes, epochs, times):
        """Seconds of the first call and of later ones, and the last report."""
        ours, reports = them.recipes(LANE_SHAPE, them.settings(max(lanes, 8)), epochs)[:lanes], []

        def run():
            reports.append(evaluate(ours, data).report)

        first = them.clock(run)
        return first, median(functools.partial(them.clock, run), times), reports[-1]

    def measure(lanes, how):
        epochs = 2 if arguments.small else max(2, min(8, 512 // lanes))
        each = -(-count // them.BATCH)
        first, seconds, report = timed(lanes, epochs, 3 if lanes < 1000 else 1)
        # What one epoch more costs is the device's part; the rest is the host's work on recipes and results.
        longer, _, _ = timed(lanes, 4 * epochs, 0)
        beyond = (longer - seconds) / (3 * epochs * each)
        beyond = max(beyond, 1e-9)  # tiny sizes drown in the clock's noise
        rate = flops(LANE_SHAPE, them.BATCH) * lanes / beyond
        memory = jax.devices()[0].memory_stats() or {}
        emit(
            "population", lanes=lanes, how=how, us_per_lane_and_step=seconds / (epochs * each) / lanes * 1e6,
            device_us_per_lane_and_step=beyond / lanes * 1e6, device_us_per_step=beyond * 1e6, gflops=rate / 1e9,
            **shares(rate), first_seconds=first, seconds=seconds, epochs=epochs, programs=report.programs,
            peak_megabytes=memory.get("peak_bytes_in_use", 0) / 2**20,
        )  # fmt: skip

    for lanes in many:
        if left() > 5:
            attempt("population", lanes, lambda lanes=lanes: measure(lanes, "as shipped"))
    if left() > 20 and not arguments.small:
        chosen.GPU_SIZES = (*chosen.GPU_SIZES, 2048, 4096)
        attempt("population", "larger programs", lambda: measure(many[-1], "one program"))


def search():
    import search_wall

    small_search(search_wall)
    file, caches = search_wall.prepare("digits", None, 0), {}
    plan = [
        ("cold", None, None),
        ("kept", None, None),
        ("cold", "batch", None),
        ("kept", "batch", None),
        ("kept", None, 64),
    ]
    for state, halving, batch in plan[:2] if arguments.small else plan:
        if left() < (2 if arguments.small else 8):
            emit("search", skipped=state, halving=halving, batch=batch)
            continue
        cache = caches.setdefault(halving, tempfile.mkdtemp())
        options = {"state": state, "halving": halving, "batch": batch, "file": str(file)}
        process = child("search_run", options, {"FALLLINE_CACHE": cache})
        if not attempt("search", options, lambda process=process: ended(process)):
            emit("search", failed=options)
    if left() > 25 and not arguments.small:
        options = {"state": "cold, CPU of this machine", "halving": None, "batch": None, "file": str(file)}
        process = child("search_run", options, {"FALLLINE_CACHE": tempfile.mkdtemp(), "JAX_PLATFORMS": "cpu"})
        attempt("search", "cpu", lambda: ended(process))


def small_search(search_wall):
    if arguments.small:
        search_wall.FOLDS = 2
        search_wall.CASES["digits"] = (4, 64, 2)


def search_run():
    import numpy as np
    import search_wall

    small_search(search_wall)
    options = json.loads(arguments.options)
    start, ends = time.perf_counter(), [(0.0, 0)]
    find, space, data, how = search_wall.begun("digits", Path(options["file"]), halving=options["halving"])
    study = find(
        space, data, seed=0, batch=options["batch"],
        watch=lambda standing: ends.append((time.perf_counter() - start, standing.done)), **how,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    score = {each.number: -each.score for each in study.trials if each.outcome == "finished"}
    trace = [
        (when, max((value for number, value in score.items() if number < done), default=0.0))
        for (_, before), (when, done) in itertools.pairwise(ends)
        if done > before
    ]
    reached = {f"first_{goal:g}": next((when for when, best in trace if best >= goal), None) for goal in (0.975, 0.98)}
    emit(
        "search", state=options["state"], halving=options["halving"], batch=options["batch"], seconds=seconds,
        best=float(np.max(list(score.values()))), trials=len(study.trials), **reached,
    )  # fmt: skip
