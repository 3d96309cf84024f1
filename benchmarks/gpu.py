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
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from gpu_equal import equal, numbers_to_file
from gpu_process import arguments, emit, left
from gpu_speed import device, one, one_flags, population, search, search_run
from gpu_torch import torch

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
