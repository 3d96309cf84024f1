"""`fallline explain`: blocks by the names that people use, families, and concepts by where they are answered."""

import json
import shlex

import pytest
import typer.main

from fallline.cli.app import app
from fallline.cli.concepts import CONCEPTS
from fallline.cli.explain import explain
from fallline.cli.main import run as program
from fallline.core.block import declared_fields, known_as, spelt
from fallline.core.errors import FalllineError
from fallline.core.explain import blocks_by_family

BLOCKS = {
    "he": "he_normal", "kaiming": "he_normal", "xavier": "glorot_uniform", "lecun": "lecun_normal",
    "cross_entropy": "softmax_cross_entropy", "mse": "squared_error", "mae": "absolute_error", "swish": "silu",
    "plateau": "reduce_on_plateau", "dead units": "dead", "perceptron": "mlp",
    "halving": "halving", "Adam-W": "adamw", "Batch Norm": "batch_norm", "l2 loss": "squared_error", "ridge": "l2",
    "lasso": "l1", "nag": "nesterov", "heavy ball": "momentum", "sgdr": "cosine_restarts", "BCE": "binary_cross_entropy",
    "z-score": "standardise", "whitening": "whiten",
}  # fmt: skip
WORDS = [
    "minibatch", "amsgrad", "learning rate", "lr", "Backprop", "overfitting", "vanishing gradients", "exploding gradient",
    "early stopping", "weight decay", "k-fold", "class imbalance", "label smoothing", "gradient clipping", "ensembles",
    "missing values", "RMSE", "R2", "ROC AUC", "hyperparameters", "warm-up", "one-hot", "saturation", "dropout rate",
]  # fmt: skip


def said(capsys, name, *more) -> str:
    assert explain(name.split(), *more) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("name", "block"), BLOCKS.items())
def test_a_block_answers_to_the_names_that_people_use(name, block, capsys):
    assert f"\n{block} (" in "\n" + said(capsys, name)


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("plateau", ["reduce_on_plateau (schedule)", "plateau (surface)"]),
        ("constant", ["constant (schedule)", "constant (initializer)"]),
        ("linear", ["linear (schedule)", "identity (activation)", "dense (layer)", "linear (policy)"]),
        ("inverse sqrt", ["inverse_sqrt (schedule)", "inverse_sqrt (initializer)"]),
        ("normal", ["small_normal (initializer)", "normal (distribution)"]),
        ("mlp", ["mlp (model)", "mlp (policy)"]),
    ],
)
def test_a_name_of_several_blocks_names_them_all_and_shows_first_what_trains_a_network(name, blocks, capsys):
    text = said(capsys, name)
    first = " ".join(text.partition("\n\n")[0].split())
    assert first.startswith(f"{name} is the name of {len(blocks)} blocks: {', '.join(blocks)}.")
    places = [text.index(f"\n{each}: ") for each in blocks]
    assert places == sorted(places)
    one = said(capsys, first.rpartition(" ")[2])
    assert one.startswith(f"{blocks[-1]}: ")
    assert "is the name of" not in one


@pytest.mark.parametrize("word", WORDS)
def test_a_concept_is_answered(word, capsys):
    text = said(capsys, word)
    assert text.startswith(f"No block is called {word}. These speak of it:\n\n  ") or ": " in text.splitlines()[0]
    assert isinstance(json.loads(said(capsys, word, True)), list)


@pytest.mark.parametrize(("name", "block"), [("optimizers", "adam"), ("Activation", "relu"), ("losses", "huber")])
def test_a_family_is_listed_with_a_line_for_each(name, block, capsys):
    text = said(capsys, name)
    assert f"  {block} (" in text
    assert len(json.loads(said(capsys, name, True))) == text.count(f" ({text.split(':')[0]}): ")


def test_a_word_for_a_concept_and_a_block_gives_both(capsys):
    text = said(capsys, "learning rate")
    assert text.startswith("learning rate: The factor of a step.")
    assert "\nlearning_rate (probe): " in text


def test_what_nothing_speaks_of_is_refused():
    with pytest.raises(FalllineError, match="no block is called 'zebra'"):
        explain(["zebra"])


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda each: each.names[0])
def test_a_concept_names_what_exists(concept):
    known = {each for names in blocks_by_family().values() for each in names}
    for place in concept.see:
        name, _, field = place.partition(".")
        assert name in known
        kinds = [each for each, names in blocks_by_family().items() if name in names]
        assert not field or any(field in declared_fields(known_as(kind, name)) for kind in kinds)
    commands = typer.main.get_command(app).commands
    if concept.command:
        _, command, *words = shlex.split(concept.command)
        flags = {each for option in commands[command].params for each in option.opts}
        assert {each for each in words if each.startswith("--")} <= flags


def test_a_subject_of_two_words_needs_no_quotes(capsys):
    with pytest.raises(SystemExit) as stop:
        program(["explain", "dead", "units"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == said(capsys, "dead units")


def test_no_word_stands_for_two_concepts():
    words = [spelt(each) for concept in CONCEPTS for each in concept.names]
    assert len(set(words)) == len(words)
