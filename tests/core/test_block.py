import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.activations import ReLU
from fallline.core.block import as_arrays, declared_fields, family, get, lookup, replace, walk
from fallline.core.errors import FalllineError
from fallline.layers import Dense, Dropout
from fallline.models import MLP, Network
from fallline.optimizers import SGD, Adam, Momentum
from fallline.penalties import L2
from fallline.schedules import Constant, Cosine
from fallline.training.recipe import Recipe

# What a field must refuse, and what its sentence must hold: the field's path, the value, what was expected.
REFUSED = [
    (lambda: SGD(-0.1), "SGD.learning_rate = -0.1 is outside the valid interval [0, inf)"),
    (lambda: SGD(float("inf")), "SGD.learning_rate = inf is outside the valid interval [0, inf)"),
    (lambda: SGD(float("nan")), "SGD.learning_rate = nan is outside"),
    (lambda: SGD(True), "SGD.learning_rate = True is not a number, a schedule or a distribution"),
    (lambda: SGD(np.True_), "is not a number"),
    (lambda: SGD("0.1"), "SGD.learning_rate = '0.1' is not a number"),
    (lambda: SGD(None), "SGD.learning_rate is None: it needs a value (a, the size of a step)"),
    (lambda: SGD(0.1 + 1j), "is not a number"),
    (lambda: SGD((0.1, 0.2)), "is not a number"),
    (lambda: SGD([0.1]), "is not a number"),
    (lambda: SGD({}), "is not a number"),
    (lambda: SGD(10**400), "is not a number"),
    (lambda: SGD(np.array([0.1, -1.0])), "SGD.learning_rate = -1.0 is outside"),
    (lambda: SGD(ReLU()), "is not a number"),
    (lambda: Momentum(momentum=1.0), "Momentum.momentum = 1.0 is outside the valid interval [0, 1)"),
    (lambda: Adam(beta2=1), "Adam.beta2 = 1.0 is outside the valid interval [0, 1)"),
    (lambda: Cosine(1.0, warmup=-0.01), "Cosine.warmup = -0.01 is outside"),
    (lambda: Dropout(1.0), "Dropout.rate = 1.0 is outside the valid interval [0, 1)"),
    (lambda: L2(-1), "L2.strength = -1.0 is outside"),
    (lambda: Recipe(epochs=2.5), "Recipe.epochs = 2.5 is not a whole number"),
    (lambda: Recipe(epochs=-1), "Recipe.epochs = -1 is outside the valid interval [0, 1e9]"),
    (lambda: Recipe(epochs=True), "Recipe.epochs = True is not a whole number"),
    (lambda: Recipe(patience=0), "Recipe.patience = 0 is outside"),
    (lambda: Recipe(batch_size=0), "Recipe.batch_size = 0 is not a number of examples: expected 1 or more, or 'all'"),
    (lambda: Recipe(batch_size="some"), "Recipe.batch_size = 'some'"),
    (lambda: Recipe(batch_size=True), "Recipe.batch_size = True"),
    (lambda: Recipe(encoding=None, model=None), "Recipe.model is None: it needs a value"),
    (lambda: Recipe(encoding=None, model=SGD()), "is not a block of the kind model: expected one such as mlp, network"),
    (lambda: Recipe(optimizer="adam"), "Recipe.optimizer = 'adam' is not a block of the kind optimizer"),
    (lambda: MLP(hidden=(8, 0)), "MLP.hidden = (8, 0) is not a list of layer widths"),
    (lambda: MLP(hidden=8), "MLP.hidden = 8 is not a list"),
    (lambda: MLP(hidden=(True,)), "MLP.hidden = (True,)"),
    (lambda: Dense(0), "Dense.width = 0 is not a number of units"),
    (lambda: Dense(8, bias="yes"), "Dense.bias = 'yes' is unknown"),
    (lambda: Network((Dense(8), SGD())), "is not a block of the kind layer or activation"),
    (lambda: Network(Dense(8)), "is not a tuple of blocks of the kind layer or activation"),
    (lambda: Recipe(optimizer=(SGD(), Adam())), "Recipe.optimizer = (SGD(), Adam()) is not one block of the kind"),
    (lambda: MLP(dropout=Cosine(1.5)), "MLP.dropout = Cosine(peak=1.5) comes to 1.5, which is outside"),
    (lambda: replace(MLP(dropout=Constant(0.5)), {"dropout.value": 1}), "comes to 1, which is outside the valid"),
    (lambda: Momentum(0.1, Cosine(Cosine(1.2))), "comes to 1.2, which is outside the valid interval [0, 1)"),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[sentence[:48] for _, sentence in REFUSED])
def test_a_wrong_value_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(FalllineError) as caught:
        make()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_ends_of_an_interval_count_as_written():
    assert SGD(0).learning_rate == 0.0
    assert Momentum(momentum=0).momentum == 0.0
    assert Recipe(epochs=0, patience=1, tolerance=0).patience == 1
    assert MLP(dropout=None).dropout is None


@pytest.mark.parametrize("one", [1, 1.0, np.int64(1), np.int8(1), np.float64(1), np.float32(1), jnp.float32(1)])
def test_however_one_is_written_it_is_the_same_leaf(one):
    (leaf,) = jax.tree.leaves(as_arrays(SGD(one)))
    assert (leaf.dtype, leaf.shape, float(leaf)) == (np.float32, (), 1.0)
    if not isinstance(one, float | jax.Array | np.floating):
        (leaf,) = jax.tree.leaves(as_arrays(Recipe(epochs=one, patience=None).epochs))
        assert (leaf.dtype, leaf.shape) == (np.int32, ())


def test_as_arrays_makes_every_number_an_array_and_leaves_the_structure():
    recipe = Recipe(encoding=None, model=MLP(dropout=0.1), epochs=60, patience=20)
    leaves = jax.tree.leaves(as_arrays(recipe))
    assert {(each.dtype, each.shape) for each in leaves} == {(np.dtype("f4"), ()), (np.dtype("i4"), ())}
    assert jax.tree.structure(as_arrays(recipe)) == jax.tree.structure(recipe)
    assert all(each.dtype != np.float32 for each in jax.tree.leaves(as_arrays(recipe, np.float64)))


def test_a_number_beyond_float32_becomes_infinity_without_a_warning():
    assert as_arrays(SGD(1e300)).learning_rate == np.inf


def test_a_value_changes_leaves_and_a_structure_changes_the_tree():
    a, b, c = Recipe(), replace(Recipe(), {"optimizer.beta1": 0.5}), replace(Recipe(), {"model.hidden": (3,)})
    assert jax.tree.structure(a) == jax.tree.structure(b) != jax.tree.structure(c)
    assert a != b
    assert a == Recipe()


def test_blocks_cannot_be_changed():
    with pytest.raises(AttributeError):
        SGD().learning_rate = 1.0


def test_get_and_replace_by_dotted_path():
    recipe = Recipe(encoding=None, model=Network((Dense(8), ReLU(), Dropout(0.2))), optimizer=Adam(Cosine(1e-3)))
    changed = replace(
        recipe,
        {
            "optimizer.learning_rate.peak": 0.5,
            "model.layers.2.rate": 0.25,
            "model.layers.0": Dense(4),
            "model.layers.0.width": 5,
            "penalty": None,
        },
    )
    assert get(changed, "optimizer.learning_rate.peak") == 0.5
    assert get(changed, "model.layers.2.rate") == 0.25
    assert get(changed, "model.layers.0.width") == 5
    assert changed.penalty is None
    assert get(recipe, "model.layers.2.rate") == 0.2
    assert get(recipe, "model.layers.0.width") == 8
    assert replace(recipe, {}) == recipe


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("optimiser.learning_rate", "Recipe has no field 'optimiser': did you mean 'optimizer' (valid: 'batch_size', "),
        ("optimizer.lerning_rate", "Adam has no field 'lerning_rate': did you mean 'learning_rate' (valid: "),
        ("optimizer.beta1.x", "0.9 has no field 'x': it is a value, without fields of its own"),
        ("optimizer.zzz", "Adam has no field 'zzz': valid: "),
        ("model.layers.7.rate", "has no field '7'"),
        ("model.layers.-1", "has no field '-1'"),
        ("model.layers.x", "has no field 'x'"),
        ("model.hidden.0", "Network has no field 'hidden'"),
        ("", "path ''"),
        ("optimizer..beta1", "Adam has no field ''"),
        ("optimizer.__class__", "Adam has no field '__class__'"),
        ("optimizer.init", "Adam has no field 'init'"),
    ],
)
def test_a_wrong_path_is_named_with_the_nearest(path, sentence):
    recipe = Recipe(encoding=None, model=Network((Dense(8), Dropout(0.2))), optimizer=Adam())
    for use in (lambda: get(recipe, path), lambda: replace(recipe, {path: 1})):
        with pytest.raises(FalllineError) as caught:
            use()
        assert sentence in str(caught.value)
        assert repr(path) in str(caught.value)


def test_replace_validates_the_new_value():
    with pytest.raises(FalllineError, match=r"Cosine\.peak = -1\.0 is outside"):
        replace(Recipe(), {"optimizer.learning_rate.peak": -1})
    with pytest.raises(FalllineError, match=r"Network\.layers"):
        replace(Recipe(encoding=None, model=Network((Dense(8),))), {"model.layers.0": 3})


def test_walk_visits_every_field_at_a_path_that_get_knows():
    recipe = Recipe(
        encoding=None, model=Network((Dense(8), Dropout(0.2))), optimizer=Adam(Cosine(1e-3)), epochs=60, patience=20
    )
    found = {path: value for path, _, value in walk(recipe)}
    assert all(get(recipe, path) is value for path, value in found.items())
    expected = {"model.layers.1.rate", "model.layers.0.initializer", "optimizer.learning_rate.warmup", "epochs"}
    assert expected <= set(found)
    numbers = [
        path for path, declared, value in walk(recipe) if declared.role == "number" and isinstance(value, int | float)
    ]
    assert len(numbers) == len(jax.tree.leaves(recipe))


def test_every_number_of_every_block_says_what_it_is():
    seen = 0
    for kind in ("model", "layer", "optimizer", "penalty", "schedule", "recipe", "scaler", "loss", "initializer"):
        for name, cls in family(kind).items():
            assert cls.__doc__, name
            for path, declared in declared_fields(cls).items():
                seen += 1
                assert declared.help, f"{name}.{path} has no help"
                assert not declared.help.endswith("."), f"{name}.{path}"
                if declared.usual is not None:
                    assert all(each in declared.valid for each in declared.usual), f"{name}.{path}"
                    assert declared.scale == "linear" or declared.usual[0] > 0, f"{name}.{path}"
    assert seen > 30


def test_a_block_is_looked_up_by_name_in_its_own_family_only():
    assert lookup("optimizer", "adam") is Adam
    with pytest.raises(FalllineError, match="optimizer 'adm' is unknown: did you mean '"):
        lookup("optimizer", "adm")
    with pytest.raises(FalllineError, match="optimizer 'mlp' is unknown"):
        lookup("optimizer", "mlp")


def test_blocks_validate_under_a_trace_too():
    """A population traces its hyperparameters: building blocks of tracers must work."""
    doubled = jax.jit(lambda rate: SGD(rate).learning_rate * 2)(0.25)
    assert float(doubled) == 0.5
    lanes = jax.vmap(lambda rate: replace(SGD(0.1), {"learning_rate": rate}).learning_rate)(jnp.arange(3.0))
    assert lanes.tolist() == [0.0, 1.0, 2.0]
    assert isinstance(SGD(Constant(0.1)).learning_rate, Constant)
