"""What the sections of `gpu.py` share: results, time that is left, processes of their own, and the networks they time."""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path

SCRIPT = Path(__file__).resolve().with_name("gpu.py")
SHAPES = [((64, 128, 10), 12800, 128), ((784, 512, 512, 10), 12800, 128), ((784, 512, 512, 10), 65536, 8192)]
LANE_SHAPE, LANE_ROWS = (20, 64, 64, 2), 12800  # a network of the population, and its rows
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
    words = [sys.executable, str(SCRIPT), "--part", part, "--options", json.dumps(options), "--limit", str(left() - 2)]
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


def shares(flops_per_second):
    """The rate as shares of the measured peaks."""
    peaks = {each["peak"]: each["tflops"] * 1e12 for each in noted("device") if "tflops" in each}
    return {f"of_{name}": flops_per_second / peak for name, peak in peaks.items() if name != "bfloat16"}


def shapes():
    return [((8, 16, 3), 256, 64)] if arguments.small else SHAPES


def flops(sizes, batch):
    """Of a step: three products per layer."""
    return 6 * batch * sum(a * b for a, b in itertools.pairwise(sizes))
