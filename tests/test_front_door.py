"""The names of `fallline` for type checkers: the stub is equal to the lazy table, and says what a checker should know."""

import ast
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fallline as fl
from fallline.core.block import Block, declared_fields, families, family
from fallline.core.distribution import Distribution

ROOT = Path(__file__).parents[1]
STUB = ast.parse((ROOT / "src/fallline/__init__.pyi").read_text(encoding="utf-8"))
REMEDY = "run python benchmarks/stub.py"

CODE = """
import fallline as fl

recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=(64, 32)), optimizer=fl.Adam(learning_rate=fl.Cosine(3e-3)))
reveal_type(fl.replace(recipe, {"optimizer.learning_rate.peak": 1e-3}))  # reveals: Recipe
reveal_type(fl.replace(fl.Adam(), {"beta1": 0.8}))  # reveals: Adam
reveal_type(fl.train(recipe, fl.load("sklearn:digits")))  # reveals: Run
reveal_type(fl.losses.Huber(0.5))  # reveals: Huber
fl.MLP(hiden=(64,))  # error: Unexpected keyword argument "hiden" for "MLP"
fl.Adam(learning_rte=0.1)  # error: Unexpected keyword argument "learning_rte"
fl.Dense()  # error: Missing positional argument "width"
fl.Dense(3, bias=False)
fl.MLP(hidden=64)  # error: expected "tuple[int, ...]"
fl.MLP(hidden=fl.Choice(((64,), (32, 32))), dropout=fl.Uniform(0.0, 0.5))
fl.Recipe(optimizer=fl.Choice((fl.Adam(fl.LogUniform(1e-4, 1e-2)), fl.SGD())), batch_size=fl.Integer(16, 64))
fl.LogUniform(low=1e-4, hihg=1e-2)  # error: Unexpected keyword argument "hihg"
fl.Adm()  # error: Module has no attribute "Adm"
fl.losses.Hubber()  # error: Module has no attribute "Hubber"
fl.minimise  # error: Module has no attribute "minimise"


class Softsign(fl.activations.Activation):
    size: float = fl.number(1.0, valid="(0, inf)")
    pieces: int = fl.required(fl.structure(help="how many"))  # error: without a default cannot follow


class Scaled(fl.Block):
    rule: fl.Optimizer = fl.required(fl.part(family="optimizer"))
    rate: float = fl.number(0.1)


Scaled(fl.Adam(), 0.2)
Scaled(rate=0.2)  # error: Missing positional argument "rule"
Scaled(fl.ReLU())  # error: incompatible type "ReLU"; expected "Optimizer"
"""


def test_the_stub_is_equal_to_the_lazy_table():
    imported = {}
    for node in STUB.body:
        if isinstance(node, ast.ImportFrom):
            imported |= {each.asname or each.name: (node.module, each.name) for each in node.names}
    classes = {node.name for node in STUB.body if isinstance(node, ast.ClassDef)}
    expected = {f"_{name}" if name in classes else name: (home, name) for name, home in fl._WHERE.items()}
    expected |= {name: ("fallline", name) for name in fl._FAMILIES}
    expected |= {"Any": ("typing", "Any"), "__version__": ("fallline._version", "__version__")}
    assert imported == expected, REMEDY
    (listed,) = [ast.literal_eval(node.value) for node in STUB.body if isinstance(node, ast.Assign)]
    assert sorted(listed) == fl.__all__, REMEDY


def test_a_distribution_is_a_value_of_any_type_made_from_its_fields():
    classes = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
    values = {name: getattr(fl, name) for name in fl.__all__}
    assert set(classes) == {n for n, v in values.items() if isinstance(v, type) and issubclass(v, Distribution)}, REMEDY
    for name, node in classes.items():
        (made,) = node.body
        fields = [each for each in dataclasses.fields(values[name]) if each.init]
        assert [each.arg for each in made.args.args[1:]] == [each.name for each in fields], REMEDY
        optional = [each for each in fields if each.default is not dataclasses.MISSING]
        assert len(made.args.defaults) == len(optional), REMEDY
        assert ast.unparse(made.returns) == "Any"


def test_every_name_is_there():
    for name in (*fl.__all__, *fl._FAMILIES):
        assert getattr(fl, name) is not None
        assert name in dir(fl)
    assert (ROOT / "src/fallline/py.typed").read_text() == ""


def test_a_field_without_a_default_says_so_to_checkers():
    """Each is declared within `required(...)`, which a checker knows from `Block`."""
    import fallline.control.recipe
    import fallline.training.recipe  # noqa: F401  (registers every family)

    ours = {cls for kind in families() for cls in family(kind).values() if cls.__module__.startswith("fallline.")}
    for cls in ours:  # and not the blocks that other tests have made
        source = ast.parse(Path(sys.modules[cls.__module__].__file__).read_text(encoding="utf-8"))
        (node,) = [n for n in source.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__]
        marked = {
            each.target.id
            for each in node.body
            if isinstance(each, ast.AnnAssign) and ast.unparse(each.value or each.target).startswith("required(")
        }
        own = declared_fields(cls).keys() & vars(cls).get("__annotations__", {}).keys()
        without = {f.name for f in dataclasses.fields(cls) if f.name in own and f.default is dataclasses.MISSING}
        assert marked == without, cls


def test_required_changes_nothing_when_the_program_runs():
    class Given(Block):
        at: float = fl.required(fl.number(valid="[0, 1]", help="where"))

    assert Given(1).at == 1.0
    with pytest.raises(TypeError, match="at"):
        Given()
    with pytest.raises(fl.FalllineError, match="interval"):
        Given(2.0)


def test_a_checker_finds_misspelt_arguments_and_keeps_types(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "code.py").write_text(CODE)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(tmp_path / "code.py")],
        cwd=ROOT,  # whose cache serves
        capture_output=True,
        text=True,
    )
    said = re.findall(r"code\.py:(\d+): (?:error|note): (.*)", done.stdout)
    found = {int(line): [text for at, text in said if at == line] for line, _ in said}
    for number, line in enumerate(CODE.splitlines(), start=1):
        _, kind, text = re.match(r"(.*?)(?:  # (reveals|error): (.*))?$", line).groups()
        if kind == "error":
            assert any(text in each for each in found.pop(number, [])), (line, done.stdout)
        elif kind == "reveals":
            assert re.search(rf'Revealed type is ".*\b{text}"', found.pop(number)[0]), (line, done.stdout)
    assert found == {}, done.stdout
