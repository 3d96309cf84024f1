import pytest

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.strategies import TPE, Grid, OptunaSampler, Random
from fallline.strategies.named import DEFAULT, spellings, strategy_named


def test_every_strategy_is_understood_as_it_is_listed():
    pytest.importorskip("optuna")
    words = spellings()
    assert words[0] == DEFAULT
    assert {each.partition(":")[0] for each in words} == set(family("strategy"))
    for each in words:
        name, _, needed = each.partition(":")
        made = strategy_named(f"{name}:TPESampler" if needed else name)
        assert type(made) is family("strategy")[name]
    assert strategy_named("optuna:RandomSampler") == OptunaSampler("RandomSampler")
    assert (strategy_named("tpe"), strategy_named("grid"), strategy_named("random")) == (TPE(), Grid(), Random())
    assert strategy_named("TPE") == TPE()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tp", "strategy 'tp' is unknown: did you mean 'tpe'"),
        ("", "strategy '' is unknown: valid: 'coarse_to_fine'"),
        ("tpe:16", "the strategy 'tpe' takes no value: write tpe instead of tpe:16"),
        ("grid:", "the strategy 'grid' takes no value: write grid instead of grid:"),
        ("optuna", "the strategy 'optuna' needs a sampler: write optuna:SAMPLER"),
        ("optuna:", "the strategy 'optuna' needs a sampler"),
        ("optuna:TPESampla", "Optuna has no sampler 'TPESampla': did you mean 'TPESampler'"),
        ("optuna:BaseSampler", "Optuna has no sampler 'BaseSampler'"),
        ("halving", "strategy 'halving' is unknown"),
    ],
)
def test_what_is_none_is_named(text, words):
    pytest.importorskip("optuna")
    with pytest.raises(FalllineError, match=words):
        strategy_named(text)
