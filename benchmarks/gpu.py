"""Fallline on one GPU: whether its numbers are the CPU's, how fast it is, and what PyTorch does on the same card.

    python benchmarks/gpu.py --out gpu.jsonl      every section, at most 455 seconds
    python benchmarks/gpu.py --sections device,one
    python benchmarks/gpu.py --small              tiny sizes on the CPU, under a minute: whether the script itself works

Sections, each in a process of its own with a share of the time; one that fails or runs out of time does not end the others:

device       the card, the versions, and the rates of large matrix products and of a copy, beside which shares are counted
equal        the same recipes on the GPU and on the CPU: losses per epoch, predictions; with the GPU's usual products
             (TF32 on Hopper) and with float32's; and whether a second run gives the same bits
one          a single run: microseconds per step, FLOP/s and shares of peak; also with other command buffers
population   1, 16, 256 and 4,096 lanes of 20-64-64-2: microseconds per lane and step, memory
search       128 trials x 5 folds on digits, plain and with halving: cold, and with the programs that this left
torch        the same networks in PyTorch: eager, compiled, as a CUDA graph, and 256 of them under vmap
suite        part of the test suite on the device; failures are listed

A result is printed when it is known, and appended to `--out` as a line of JSON.
"""

import argparse
import contextlib
import functools
import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve()
SECONDS = {
    "device": 20,
    "equal": 75,
    "one": 65,
    "population": 80,
    "search": 75,
    "torch": 50,
    "suite": 90,
}  # in total 455
SHAPES = [((64, 128, 10), 12800, 128), ((784, 512, 512, 10), 12800, 128), ((784, 512, 512, 10), 65536, 8192)]
LANES, LANE_SHAPE, LANE_ROWS = (1, 16, 256, 4096), (20, 64, 64, 2), 12800
EPOCHS, SIDE = 12, 8192
BUFFERS = {
    "command buffers off": "--xla_gpu_enable_command_buffer=",
    "loops in command buffers": "--xla_gpu_enable_command_buffer=FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL,WHILE",
}
# Largest differences between GPU and CPU that count as equal: of the first epoch's loss (relative), of all epochs' losses
# (relative), of predictions (of the largest). Training amplifies rounding, so the later ones are wider. On a CPU, another
# level of optimisation changes these cases by at most 1e-7, 1.4e-5 and 2e-5.
BOUNDS = {"float32": (1e-5, 1e-3, 1e-3), "default": (5e-3, 5e-2, 1e-1)}
FILES = (
    "tests/training/test_train.py", "tests/training/test_step.py", "tests/training/test_program.py",
    "tests/training/test_rows.py", "tests/training/test_stopping.py", "tests/training/test_checkpoint.py",
    "tests/training/test_predictor.py", "tests/population/test_evaluate.py", "tests/population/test_halving.py",
    "tests/population/test_widths.py", "tests/population/test_trained_slopes.py", "tests/population/test_division.py",
    "tests/core/test_random.py", "tests/blocks/test_layers.py", "tests/methods/test_networks.py",
    "tests/optimizers/test_identities.py", "tests/optimizers/test_papers.py", "tests/optimizers/test_known.py",
)  # fmt: skip
# A plugin of pytest: a failure is written when it happens, so that a suite that runs out of time has said it.
AT_ONCE = """
def pytest_runtest_logreport(report):
    if report.failed:
        print(f"\\nFAILURE {report.nodeid}: {report.longreprtext[-1500:]}", flush=True)
"""
began = time.monotonic()
arguments = argparse.Namespace(small=False, out=None, limit=1e9, options="{}")


def left():
    """Seconds that this process may still use."""
    return arguments.limit - (time.monotonic() - began)


def emit(section, **facts):
    """Print a result at once, and append it to the file."""
    shown = " ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in facts.items()
    )
    print(f"[{section}] {shown}", flush=True)
    if arguments.out:
        with Path(arguments.out).open("a") as file:
            file.write(json.dumps({"section": section, **facts}) + "\n")


def noted(section):
    """The results of a section so far."""
    file = Path(arguments.out or os.devnull)
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    return [each for each in lines if each["section"] == section]


def attempt(section, what, call):
    """What a call returns; an error is printed and noted, and None returned."""
    try:
        return call()
    except Exception as error:
        traceback.print_exc()
        emit(section, failed=what, error=f"{type(error).__name__}: {str(error)[:300]}")
    return None


def child(part, options, environment=()):
    """Another process of this script, with some variables of the environment changed."""
    words = [sys.executable, str(HERE), "--part", part, "--options", json.dumps(options), "--limit", str(left() - 2)]
    words += ["--small"] * arguments.small + (["--out", arguments.out] if arguments.out else [])
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # beside this process, whose share of the card's memory is held
    return subprocess.Popen(words, env={**os.environ, **shared, **dict(environment)})


def ended(process):
    """Wait for a process within this one's time; whether it succeeded."""
    try:
        return process.wait(max(1.0, left())) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def median(call, times):
    return statistics.median(call() for _ in range(times)) if times else 0.0


# ---- device


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


def shares(flops_per_second):
    """The rate as shares of the measured peaks."""
    peaks = {each["peak"]: each["tflops"] * 1e12 for each in noted("device") if "tflops" in each}
    return {f"of_{name}": flops_per_second / peak for name, peak in peaks.items() if name != "bfloat16"}


# ---- equal


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


# ---- one


def shapes():
    return [((8, 16, 3), 256, 64)] if arguments.small else SHAPES


def flops(sizes, batch):
    """Of a step: three products per layer."""
    return 6 * batch * sum(a * b for a, b in itertools.pairwise(sizes))


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


# ---- population


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


# ---- search


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


# ---- torch


def torch_network(torch, sizes, where):
    torch.manual_seed(0)
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).to(where)


def torch():
    try:
        import torch
    except ImportError:
        emit("torch", skipped="PyTorch is not installed")
        return
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if arguments.small:
        torch.set_num_threads(1)
    graph = ["CUDA graph"] * (where.type == "cuda")
    large = shapes()[-2:]
    plan = [(how, "high", shape) for how in ("eager", *graph) for shape in shapes()]
    plan += [(how, "highest", shape) for how in ("eager", *graph) for shape in large]
    plan += [("vmap", "high", lanes) for lanes in ((4,) if arguments.small else (256, 4096))]
    plan += [
        (how, "high", shape) for how in ("compiled", "compiled, reduce-overhead") for shape in large
    ]  # slow to begin
    for how, precision, what in plan:
        if left() < 5:
            emit("torch", skipped=how, what=str(what))
            continue
        torch.set_float32_matmul_precision(precision)
        if how == "vmap":
            attempt("torch", how, functools.partial(torch_ensemble, torch, where, what))
        else:
            attempt("torch", how, functools.partial(torch_case, torch, where, how, precision, *what))


def torch_case(torch, where, how, precision, sizes, count, batch):
    """Time one network in one way."""
    import one_run

    options = {"compiled": {}, "compiled, reduce-overhead": {"mode": "reduce-overhead"}, "CUDA graph": "graph"}.get(how)
    x, y = one_run.rows(sizes, count)
    features, target = torch.from_numpy(x).to(where), torch.from_numpy(y).long().to(where)
    seconds = torch_seconds(torch, where, sizes, batch, features, target, options)
    rate = flops(sizes, batch) / seconds
    emit(
        "torch", network="-".join(map(str, sizes)), batch=batch, how=how, products=precision, us_per_step=seconds * 1e6,
        gflops=rate / 1e9, **shares(rate),
    )  # fmt: skip


def synchronise(torch, where):
    if where.type == "cuda":
        torch.cuda.synchronize()


def torch_seconds(torch, where, sizes, batch, features, target, options):
    """Seconds per step of a plain loop, after a warm-up."""
    model = torch_network(torch, sizes, where)
    rule = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=True, capturable=where.type == "cuda")
    forward = torch.compile(model, **options) if isinstance(options, dict) else model

    def step(chosen):
        loss = torch.nn.functional.cross_entropy(forward(features[chosen]), target[chosen])
        rule.zero_grad()
        loss.backward()
        rule.step()

    one_step, rows = step, torch.zeros(batch, dtype=torch.long, device=where)
    if options == "graph":
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(rows)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(rows)

        def one_step(chosen):
            rows.copy_(chosen)
            graph.replay()

    whole = len(features) // batch * batch

    def epoch():
        for chosen in torch.randperm(len(features), device=where)[:whole].split(batch):
            one_step(chosen)

    def once():
        synchronise(torch, where)
        start = time.perf_counter()
        epochs = max(1, (20 if arguments.small else 300) * batch // whole)
        for _ in range(epochs):
            epoch()
        synchronise(torch, where)
        return (time.perf_counter() - start) / (epochs * whole // batch)

    epoch()
    return median(once, 3)


def torch_ensemble(torch, where, lanes):
    """The population's network, `lanes` times under vmap, with one Adam over the stacked parameters."""
    import population as them

    x, y = them.rows(LANE_SHAPE, 512 if arguments.small else LANE_ROWS)
    features, target = torch.from_numpy(x).to(where), torch.from_numpy(y).long().to(where)
    model = torch_network(torch, LANE_SHAPE, where)
    params = {
        name: value.detach().repeat(lanes, *[1] * value.ndim).requires_grad_()
        for name, value in model.named_parameters()
    }
    rule = torch.optim.Adam(list(params.values()), lr=1e-3, weight_decay=1e-4, fused=True)

    def loss_of(own, rows, labels):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(model, own, (rows,)), labels)

    losses = torch.func.vmap(loss_of, in_dims=(0, None, None))

    def once():
        synchronise(torch, where)
        start, steps = time.perf_counter(), 0
        for chosen in torch.randperm(len(features), device=where).split(them.BATCH):
            rule.zero_grad()
            losses(params, features[chosen], target[chosen]).sum().backward()
            rule.step()
            steps += 1
        synchronise(torch, where)
        return (time.perf_counter() - start) / steps

    once()
    seconds = median(once, 3)
    rate = flops(LANE_SHAPE, them.BATCH) * lanes / seconds
    memory = torch.cuda.max_memory_allocated() / 2**20 if where.type == "cuda" else 0.0
    emit(
        "torch", lanes=lanes, how="vmap", us_per_lane_and_step=seconds / lanes * 1e6, us_per_step=seconds * 1e6,
        gflops=rate / 1e9, **shares(rate), peak_megabytes=memory,
    )  # fmt: skip


# ---- suite


def suite():
    files = ("tests/core/test_shape.py",) if arguments.small else FILES
    folder = Path(arguments.out).resolve().parent if arguments.out else Path(tempfile.mkdtemp())
    log, plugins = folder / "suite.log", tempfile.mkdtemp()
    (Path(plugins) / "at_once.py").write_text(AT_ONCE)
    environment = {
        **os.environ,
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",  # the tests' bounds are float32's
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # the processes share the card
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_autotune_level=0",
        "FALLLINE_CACHE": tempfile.mkdtemp(),
        "PYTHONPATH": os.pathsep.join([plugins, str(HERE.parents[1] / "src"), os.environ.get("PYTHONPATH", "")]),
    }
    workers = 1 if arguments.small else min(8, os.cpu_count() or 1)
    words = [sys.executable, "-m", "pytest", "-vv", "-n", str(workers), "--maxfail=60", "--tb=short", "-W", "default"]
    start = time.perf_counter()
    with log.open("w") as sink:
        process = subprocess.Popen(
            [*words, "-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "at_once", *files],
            cwd=HERE.parents[1],
            env=environment,
            stdout=sink,
            stderr=sink,
        )
        try:
            process.wait(max(5.0, left() - 10))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(6)
            process.kill()
            process.wait()
    told = log.read_text(errors="replace")
    seen = {
        word: sorted(set(re.findall(rf"\] {word} (\S.*)", told))) for word in ("PASSED", "FAILED", "ERROR", "SKIPPED")
    }
    emit(
        "suite",
        seconds=time.perf_counter() - start,
        rc=process.poll(),
        **{word.lower(): len(those) for word, those in seen.items()},
    )
    for name in (seen["FAILED"] + seen["ERROR"])[:40]:
        emit("suite", failure=name.strip()[:160])
    for line in re.findall(r"^E   +(.*)", told, re.MULTILINE)[:25]:
        print(f"    {line[:160]}", flush=True)
    if not seen["PASSED"]:
        print(told[-1500:], flush=True)


# ---- all of them


PARTS = {
    "device": device, "equal": equal, "one": one, "population": population, "search": search, "torch": torch, "suite": suite,
    "numbers": numbers_to_file, "one_flags": one_flags, "search_run": search_run,
}  # fmt: skip


def supervise(names, seconds):
    """Run sections one after another; what a section leaves of its time goes to the later ones."""
    end, failed = time.monotonic() + seconds, []
    scale = seconds / sum(SECONDS[name] for name in names)
    for place, name in enumerate(names):
        later = sum(SECONDS[each] * min(1.0, scale) for each in names[place + 1 :])
        limit, start = end - time.monotonic() - later, time.monotonic()
        words = [sys.executable, str(HERE), "--part", name, "--limit", f"{limit - 3:.1f}"]
        words += ["--small"] * arguments.small + (["--out", arguments.out] if arguments.out else [])
        process = subprocess.Popen(words, start_new_session=True)
        try:
            said = "ended" if process.wait(limit) == 0 else f"failed with exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            said = "was stopped: out of time"
        with contextlib.suppress(ProcessLookupError):  # also what the section has started
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        failed += [name] * (said != "ended")
        print(f"[{name}] {said} after {time.monotonic() - start:.0f} of {limit:.0f} s", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sections", default=",".join(SECONDS), help="a,b: only these")
    parser.add_argument("--small", action="store_true", help="tiny sizes on the CPU")
    parser.add_argument("--out", help="file to which results are appended as lines of JSON")
    parser.add_argument("--seconds", type=float, default=float(sum(SECONDS.values())), help="time for everything")
    for hidden, usual in (("--part", None), ("--options", "{}"), ("--limit", "1e9")):
        parser.add_argument(hidden, default=usual, help=argparse.SUPPRESS)
    parser.parse_args(namespace=arguments)
    arguments.limit = float(arguments.limit)
    if arguments.part:
        PARTS[arguments.part]()
        return
    names = [name.strip() for name in arguments.sections.split(",")]
    if unknown := [name for name in names if name not in SECONDS]:
        parser.error(f"no section {', '.join(unknown)}: expected some of {', '.join(SECONDS)}")
    if arguments.small:
        os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_backend_optimization_level=0"}  # compiles faster
    with tempfile.TemporaryDirectory() as cache:  # an empty cache, so that what compiles is seen
        os.environ["FALLLINE_CACHE"] = cache
        sys.exit(1 if supervise(names, arguments.seconds) else 0)


if __name__ == "__main__":
    main()
