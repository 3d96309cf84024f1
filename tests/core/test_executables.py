"""Programs that are kept are found before tracing, give the same bits, and are never wrong: otherwise JAX compiles."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.core import executables, program_key
from fallline.core.block import as_arrays, replace
from fallline.core.executables import KeptProgram
from fallline.population.programs import Programs
from fallline.training import chunks


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setattr(executables, "LOOKS", True)
    return tmp_path / "executables"


class Traced:
    """A function that counts how often it is traced, as a new process sees it: `program()` remembers nothing."""

    def __init__(self):
        self.times = 0

    def __call__(self, x, tree):
        self.times += 1
        return {"sum": jnp.sin(x) @ tree["a"], "rest": (x.sum(), jax.random.normal(jax.random.key(0), (3,)))}

    def program(self, name="traced", **options):
        return KeptProgram(self, name, **options)


@pytest.fixture
def traced():
    return Traced()


SMALL = fl.Recipe(epochs=2, model=fl.MLP((4,)), encoding=None, optimizer=fl.Adam(0.01))
X, TREE = np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3), {"a": np.ones(3, np.float32)}


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_a_program_is_traced_once_and_then_loaded(folder, traced):
    first = traced.program()(X, TREE)
    assert {each.suffix for each in folder.iterdir()} == {".key", ".program"}
    second = traced.program()
    assert same(second(X, TREE), first)
    assert same(second(X, TREE), jax.jit(traced)(X, TREE))
    assert traced.times == 2  # by the first program, and by the last line


def test_other_shapes_types_structures_names_and_settings_are_other_programs(folder, traced):
    traced.program()(X, TREE)
    wide = {"a": np.ones((3, 2), np.float32)}
    for call in (
        lambda: traced.program()(X, wide),
        lambda: traced.program()(X.astype(np.int32), TREE),
        lambda: traced.program()(jnp.asarray(X), TREE),
        lambda: traced.program(decides="else")(X, TREE),
        lambda: traced.program("other")(X, TREE),
    ):
        before = traced.times
        call()
        assert traced.times == before + 1
    with jax.default_matmul_precision("highest"):
        traced.program()(X, TREE)
    assert traced.times == before + 2


def test_a_static_argument_is_part_of_the_program(folder):
    program = lambda: KeptProgram(lambda power, x: x**power, "power", static=1)  # noqa: E731
    assert [float(program()(power, np.float32(3))) for power in (2, 3, 2)] == [9, 27, 9]


@pytest.mark.parametrize("ending", [".key", ".program"])
@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-9], lambda b: b[:90] + b"?" + b[91:], lambda b: b * 2])
def test_a_damaged_file_is_made_again(folder, traced, ending, damage):
    first = traced.program()(X, TREE)
    (path,) = (each for each in folder.iterdir() if each.suffix == ending)
    path.write_bytes(damage(path.read_bytes()))
    assert same(traced.program()(X, TREE), first)
    assert traced.times == 2
    assert same(traced.program()(X, TREE), first)
    assert traced.times == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_program_that_others_could_have_written_is_not_loaded(folder, traced):
    first = traced.program()(X, TREE)
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        path.chmod(0o664)
    assert same(traced.program()(X, TREE), first)
    assert traced.times == 2


def test_forgotten_programs_are_loaded_again(folder, traced):
    program = traced.program()
    first = program(X, TREE)
    executables.forget()
    assert program._known == {}
    assert same(program(X, TREE), first)
    assert traced.times == 1


def test_a_file_that_is_intact_and_of_another_program_is_not_used(folder, traced):
    first = traced.program()(X, TREE)
    narrow = {"a": np.ones((3, 1), np.float32)}
    traced.program()(X, narrow)
    one, other = (each for each in folder.iterdir() if each.suffix == ".program")
    for path, content in ((one, other.read_bytes()), (other, one.read_bytes())):
        path.write_bytes(content)
    assert same(traced.program()(X, TREE), first)


def test_a_program_that_does_not_run_here_is_compiled(folder, traced):
    first = traced.program()(X, TREE)
    (path,) = (each for each in folder.iterdir() if each.suffix == ".program")
    structure = jax.tree.structure(((X, TREE), {}))
    executables.write(path.stem, jax.jit(traced).lower(X[:1], TREE).compile(), structure)
    assert same(traced.program()(X, TREE), first)


@pytest.mark.parametrize("what", ["_processor", "_cores"])
def test_another_machine_or_version_compiles_its_own(folder, traced, monkeypatch, what):
    traced.program()(X, TREE)
    monkeypatch.setattr(program_key, what, lambda: "other")
    program_key.environment.cache_clear()
    traced.program()(X, TREE)
    program_key.environment.cache_clear()
    assert traced.times == 2
    assert len(list(folder.glob("*.program"))) == 2


def test_changed_sources_are_traced_and_find_the_same_program(folder, traced, monkeypatch):
    traced.program()(X, TREE)
    monkeypatch.setattr(program_key, "_sources", lambda: "changed")
    traced.program()(X, TREE)
    assert traced.times == 2
    assert [len(list(folder.glob(each))) for each in ("*.program", "*.key")] == [1, 2]


def test_a_program_that_jax_cannot_write_takes_the_ordinary_way(folder, traced, monkeypatch):
    def refuses(compiled):
        raise NotImplementedError

    monkeypatch.setattr(executables.serialize_executable, "serialize", refuses)
    first = traced.program()(X, TREE)
    assert same(traced.program()(X, TREE), first)
    assert not list(folder.glob("*.program"))


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(folder, traced):
    folder.write_text("a file in the folder's place")
    assert same(traced.program()(X, TREE), jax.jit(traced)(X, TREE))


def test_a_block_of_the_users_own_is_compiled_in_the_ordinary_way(folder):
    class Mine(fl.Adam):
        pass

    for rule in (Mine(), fl.Adam()):
        KeptProgram(lambda rule, x: x * rule.beta1, "own")(as_arrays(rule), np.float32(2))
    assert len(list(folder.glob("*.key"))) == 1


def test_donated_arguments_are_donated(folder):
    program = lambda: KeptProgram(lambda x: x + 1, "add", donate=(0,))  # noqa: E731
    for _ in range(2):
        x = jnp.zeros(4)
        assert program()(x).tolist() == [1, 1, 1, 1]
        assert x.is_deleted()


def test_under_a_trace_the_function_is_traced(folder, traced):
    jax.jit(lambda x: traced.program()(x, TREE))(X)
    assert not folder.exists()


@pytest.fixture
def forgotten():
    """Nothing is remembered of the programs of single runs, before and after."""
    for each in (chunks.compiled_start, chunks.compiled_advance):
        each._known.clear()
    yield
    for each in (chunks.compiled_start, chunks.compiled_advance):
        each._known.clear()


def test_a_run_has_the_same_bits_by_jax_by_new_programs_and_by_kept_ones(folder, monkeypatch, forgotten):
    table, recipe = fl.load("sklearn:iris"), replace(SMALL, {"epochs": 3})
    found = [fl.train(recipe, table).model.arrays]
    chunks.compiled_start._known.clear()
    chunks.compiled_advance._known.clear()
    monkeypatch.setattr(chunks.program, "one_epoch", None)  # nothing can be traced
    found.append(fl.train(recipe, table).model.arrays)
    monkeypatch.undo()
    found.append(fl.train(recipe, table).model.arrays)
    assert same(found[0], found[1])
    assert same(found[0], found[2])


def test_lanes_on_all_devices_have_the_same_bits(folder, monkeypatch):
    home = sys.modules["fallline.population.evaluate"]
    table, recipes = (
        fl.load("sklearn:iris"),
        [replace(SMALL, {"optimizer.learning_rate": rate}) for rate in (0.01, 0.02)],
    )
    found = []
    for _ in range(2):
        monkeypatch.setattr(home, "PROGRAMS", Programs())  # as a new process has them
        found.append(home.evaluate(recipes, table))
    assert found[0].report.compilations > found[1].report.compilations == 0
    assert same(found[0].columns, found[1].columns)


CODE = """
import sys, jax, numpy as np, fallline as fl
traced = []
jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: traced.append(name))
recipe = fl.Recipe(epochs=2, model=fl.MLP((4,)), encoding=None)
run = fl.train(recipe, fl.load("sklearn:iris"))
print(sum("backend_compile" in each for each in traced), *run.history["train_loss"].tolist())
"""


def test_a_second_process_compiles_less_and_has_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path))
    done = [subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True) for _ in range(2)]
    (first, *losses), (second, *again) = (each.stdout.split() for each in done)
    assert losses == again
    assert int(second) < int(first)
