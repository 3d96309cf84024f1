"""Strict weather: warnings are errors (pyproject.toml), and property tests draw the same examples every time."""

import gc
import itertools
import os
import signal
import tempfile
from pathlib import Path

import hypothesis
import jax
import numpy as np
import pytest

import fallline as fl
from fallline.core import executables
from fallline.core.compiling import known_flags
from fallline.core.runtime import configure

pytest.register_assert_rewrite("tests.browser")
from tests.browser import browser  # noqa: E402, F401  (a fixture)

# Two thirds of the suite's time would be compilation, which these flags more than halve. Programs run slower with them, so
# the product does not set them: `test_as_shipped.py` and the processes that tests start know nothing of them.
QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",  # not in JAX 0.12
    "--xla_cpu_parallel_codegen_split_count=1",
)
ASKED = "FALLLINE_TESTS_FLAGS"  # what the first process has found out, for the workers that it starts
gc.set_threshold(100_000, 50, 100)  # the heap is large and little of it garbage
if "XLA_FLAGS" not in os.environ:
    if ASKED not in os.environ:
        os.environ[ASKED] = " ".join(known_flags(QUICK))
    os.environ["XLA_FLAGS"] = os.environ[ASKED]
    configure()
    jax.devices()
    del os.environ["XLA_FLAGS"]
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what it puts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # processes that tests start must hear Ctrl-C

executables.LOOKS = False  # tests replace functions; processes that they start look programs up
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "fallline-hypothesis"))
hypothesis.settings.register_profile("fallline", deadline=None, derandomize=True, database=None, max_examples=40)
hypothesis.settings.load_profile("fallline")


def pytest_collection_finish():
    """What is imported by now stays: no garbage is looked for there."""
    gc.freeze()


MOST_MAPPINGS = 20_000  # Linux gives a process 65,530, and code that is compiled beyond them ends it by a signal
tests_run = itertools.count(1)


def pytest_runtest_teardown(item, nextitem):
    """Compiled programs take a megabyte and several mappings each; those of one folder are seldom met in the next."""
    leaves = nextitem is None or nextitem.path.parent != item.path.parent
    if leaves or (next(tests_run) % 25 == 0 and mappings() > MOST_MAPPINGS):
        jax.clear_caches()
        gc.collect()


def mappings() -> int:
    """How many memory mappings this process has; 0 where the system does not say."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


def pytest_sessionfinish():
    """pytest looks ten times for what was never closed: all of it shows the first time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def float64():
    """64-bit JAX for the length of a test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def equal_ranks():
    """Adding a vector to a matrix raises: for the code that means to work element by element."""
    with jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture
def failing(monkeypatch):
    """A disk that fails: `failing(n)` lets the first n calls of a writer through and refuses all later ones, or `times`.

    A write that is refused has written half of its bytes. The returned object says whether anything was refused.
    """
    import errno
    import tempfile

    class Failing:
        def __init__(self, good: int, error: int, times: float) -> None:
            self.left, self.error, self.times, self.refused = good, error, times, False
            for home, name in ((os, "fsync"), (os, "replace"), (os, "chmod"), (os, "open"), (tempfile, "mkstemp")):
                monkeypatch.setattr(home, name, self.wrapped(getattr(home, name)))
            fdopen = os.fdopen
            monkeypatch.setattr(os, "fdopen", lambda *a, **k: self.opened(fdopen(*a, **k)))

        def refuse(self) -> bool:
            self.left -= 1
            refuses = -self.times <= self.left < 0
            self.refused |= refuses
            return refuses

        def wrapped(self, function):
            def call(*arguments, **options):
                if self.refuse():
                    raise OSError(self.error, os.strerror(self.error))
                return function(*arguments, **options)

            return call

        def opened(self, file):
            class Full:
                def __enter__(own):  # noqa: N805
                    return own

                def __exit__(own, *rest):  # noqa: N805
                    file.close()

                def write(own, content):  # noqa: N805
                    if self.refuse():
                        file.write(content[: len(content) // 2])
                        raise OSError(self.error, os.strerror(self.error))
                    return file.write(content)

                def __getattr__(own, name):  # noqa: N805
                    return getattr(file, name)

            return Full()

    def begin(good: int, error: int = errno.ENOSPC, times: float = float("inf")) -> Failing:
        monkeypatch.undo()
        return Failing(good, error, times)

    yield begin
    monkeypatch.undo()


@pytest.fixture(scope="session")
def flowers_of():
    """Tables of a number of rows with three classes, noisy enough to overfit, and for members to disagree."""

    def table(rows: int) -> fl.Table:
        rng = np.random.default_rng(0)
        x = rng.normal([10, -3, 0, 0.5], [5, 0.1, 1, 2], (rows, 4)).astype(np.float32)
        y = np.digitize(x[:, 0] + rng.normal(0, 5, rows), [8, 12])
        return fl.Table.from_arrays(x, np.array(["a", "b", "c"])[y], valid=0.16)

    return table


@pytest.fixture(scope="session")
def prices_of():
    """Tables of a number of rows with one target in a large unit, around a given number."""

    def table(rows: int, centre: float) -> fl.Table:
        rng = np.random.default_rng(1)
        x = rng.normal(size=(rows, 3)).astype(np.float32)
        y = centre + 30_000 * (x[:, 0] - x[:, 1] ** 2) + rng.normal(0, 3000, rows)
        return fl.Table.from_arrays(x, y, valid=0.16)

    return table
