"""What every activation, initializer, layer, loss, penalty and scaler keeps: `fallline.testing`, for each of them."""

import pytest

from fallline.activations import ELU, GELU, LeakyReLU
from fallline.core.block import Block, declared_fields, family, walk
from fallline.encodings import Encodings, Periodic, PiecewiseEmbedding, PiecewiseLinear
from fallline.initializers import Filled, HeNormal, Orthogonal
from fallline.layers import BatchNorm, Dense, Dropout, Heads, LayerNorm, Maxout, PReLU, Sequential, SharedDense
from fallline.losses import (
    BinaryCrossEntropy,
    BinnedCrossEntropy,
    Focal,
    Hinge,
    OfMembers,
    Poisson,
    SoftmaxCrossEntropy,
    Tempered,
    Times,
)
from fallline.penalties import L1, L2, ElasticNet, MaxNorm, Penalties
from fallline.scalers import PCA, Bins, Pixels, Robust, Standardise, Whiten
from fallline.testing import checks

KINDS = ("activation", "encoding", "initializer", "layer", "loss", "penalty", "scaler")
SPECIAL = [
    LeakyReLU(0.2), ELU(0.7), GELU("tanh"),
    Filled(0.5), HeNormal(0.3), Orthogonal(1.4),
    Dense(3), Dense(5, HeNormal(), bias=False), Maxout(2, pieces=4), Dropout(form="vanilla"),
    Sequential((Dense(3), BatchNorm(), GELU(), Dropout(0.3), LayerNorm(), Maxout(2))),
    SoftmaxCrossEntropy(0.1), BinaryCrossEntropy(0.1), Hinge(form="weston_watkins"), BinnedCrossEntropy(5, "width"),
    Times(Poisson(), 3.0), Focal(0.5), Focal(0.0), Tempered(BinaryCrossEntropy(), 2.5), Tempered(Focal(), 0.5), PReLU(0.1),
    OfMembers(SoftmaxCrossEntropy(), 3), OfMembers(BinaryCrossEntropy(), 2, averaged=True),
    SharedDense(3, 2, first=True), SharedDense(3, 4), Heads(3, 2), Heads(2, 1),
    L1(0.1, layers=("dense_1",)), L2(0.1, acts_on="all"), MaxNorm(1.0),
    Penalties((L1(0.1), ElasticNet(0.2), MaxNorm(1.0))),
    Standardise(1.0), Robust(1.0), Pixels("range"), PCA(components=3), PCA(share=0.9, whiten=True),
    PiecewiseLinear(5, "tree", leaf=4), PiecewiseLinear(1), PiecewiseEmbedding(4, size=2),
    Periodic(form="plr", frequencies=3), Periodic(form="plr_lite", size=2), PiecewiseLinear(columns=(0, 4)),
    Encodings((PiecewiseLinear(4), Periodic(), PiecewiseEmbedding(3))),
    Whiten("pca", 0.01), Whiten(standardise=False), Bins(4, "width"),
]  # fmt: skip


def defaults(kind: str) -> list[Block]:
    """Every block of a family that has a default for every field."""
    required = {"dense", "maxout", "sequential", "penalties", "encodings", "shared_dense", "heads"}
    return [cls() for name, cls in family(kind).items() if name not in required]


MEMBERS = [*(each for kind in KINDS for each in defaults(kind)), *SPECIAL]
CASES = [(check, block) for block in MEMBERS for check in checks(block)]


def label(value: object) -> str:
    return value.name if not isinstance(value, Block) else repr(value).replace(" ", "").replace("\n", "")[:50]


@pytest.mark.parametrize(("check", "block"), CASES, ids=label)
def test_contract(check, block):
    check(block)


def test_every_block_is_met_and_every_number_in_it():
    met = {type(block) for block in MEMBERS}
    varied = {
        (type(block), path) for block in MEMBERS for path, _, value in walk(block) if isinstance(value, float | int)
    }
    for kind in KINDS:
        for name, cls in family(kind).items():
            assert cls in met, name
            for field, declared in declared_fields(cls).items():
                assert declared.role != "number" or (cls, field) in varied, f"{name}.{field}"


@pytest.mark.parametrize("cls", [cls for kind in KINDS for cls in family(kind).values()], ids=lambda cls: cls.name)
def test_documented_with_an_example(cls):
    assert ">>>" in cls.__doc__ or cls is Sequential


@pytest.mark.parametrize("kind", [*KINDS, "schedule"])
def test_every_formula_names_its_source(kind):
    silent = [name for name, cls in family(kind).items() if "Source: " not in cls.__doc__ and name != "sequential"]
    assert family(kind)
    assert silent == []
