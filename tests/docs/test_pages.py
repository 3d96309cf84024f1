"""Every page: its commands and flags exist, its links lead somewhere, its pictures have words, and all names are found.

`python docs/make/run.py` runs the code of all pages; here the quick parts are checked.
"""

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer.main

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs/make"))
import blocks  # noqa: E402
import run as runner  # noqa: E402

sys.path.remove(str(ROOT / "docs/make"))

PAGES = blocks.pages()
SITE = [path for path in PAGES if path.is_relative_to(ROOT / "docs")]
NAV = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
# What a reader may look for, after the lecture notes and slides that people learn from.
NAMES = """
forward difference; central difference; backpropagation; gradient check; relative error; kinks; batch descent;
stochastic descent; minibatch; gradient accumulation; SGD; Momentum; AveragedMomentum; bias correction; Nesterov;
AdaGrad; Adadelta; Rprop; backtracking; RMSProp; centred; Adam; AMSGrad; Nadam; AdamW; L-BFGS; Wolfe; Newton;
clip_by_value; clip_by_norm; weight decay; weight_average; constant; step; exponential; 1/t; sqrt(epoch); polynomial;
cosine; warm-up; restarts; one_cycle; reduce_on_plateau; table; floor; sigmoid; tanh; ReLU; leaky_relu; maxout; ELU;
GELU; SiLU; softplus; identity; range; zero-centred; saturates; zeros; symmetry breaking; small_normal; inverse_sqrt;
Glorot; He; LeCun; orthogonal; zero bias; Dense; batch_norm; running averages; layer_norm; dropout; inverted; vanilla;
weight matrices; cross-entropy; binary_cross_entropy; softmax_cross_entropy; logits; squared_error; absolute_error;
Huber; hinge; Poisson; quantile; binned_cross_entropy; L2; L1; elastic_net; max_norm; label smoothing; early stopping;
mean subtraction; standardise; min_max; robust; unscaled; PCA; share of the variance; whitening; missing; categories;
training rows; update:weight; gradient_norm; dead; saturated; first loss; overfits; grid; random; coarse_to_fine; TPE;
Bayesian; halving; log_uniform; folds; finite_difference; SPSA; BRS; ARS; V2-t; openai_es; perceptron; evolution
strategies; reinforcement; bowl; ravine; Rosenbrock; Beale; Himmelblau; saddle; plateau; Rastrigin; Ackley;
styblinski_tang; Branin; condition number; loss landscape; decision boundary; universal approximation; width; depth;
numerical gradient; learning rate; momentum; initialisation; regularisation; batch size; schedule; optimizer;
activation
"""


def prose(path):
    return blocks.FENCE.sub("", path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def known():
    from fallline.cli.app import app

    group = typer.main.get_command(app)
    return {name: {flag for each in command.params for flag in each.opts} for name, command in group.commands.items()}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_and_flags_exist(path, known):
    for said in blocks.spoken(path.read_text(encoding="utf-8")):
        for part in re.split(r"[|;]\s", said):
            words = part.split()
            if words[:1] == ["fallline"] and len(words) > 1 and not words[1].startswith("-") and words[1] != "COMMAND":
                assert words[1] in known, said
                flags = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
                assert flags <= known[words[1]] | {"--help", "-h"}, said


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_scripts_exist(path):
    for script in re.findall(
        r"(?:python|bash) ((?:benchmarks|findings|docs)/[\w/.-]+\.(?:py|sh))", path.read_text("utf-8")
    ):
        assert (ROOT / script).is_file() or "NAME" in script, script


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_to_files_and_headings(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith("http"):
            continue
        place, _, heading = target.partition("#")
        if place in ("contributing.md", "changelog.md"):  # brought into the workshop by docs/make/site.py
            place = f"../../{place.removesuffix('.md').upper()}.md"
        file = (path.parent / place).resolve() if place else path
        assert file.exists(), target
        assert not heading or heading in anchors(file), target


def anchors(path):
    """The addresses of a page's headings, as the site makes them."""
    heads = re.findall(r"^#+ (.+)$", prose(path), re.M)
    found = [re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head.replace("`", "")).strip().lower()) for head in heads]
    return {each if found.index(each) == i else f"{each}_{found[:i].count(each)}" for i, each in enumerate(found)}


@pytest.mark.parametrize("path", SITE, ids=lambda path: path.stem)
def test_pictures_have_words_and_nothing_is_fetched(path):
    for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", prose(path)):
        assert len(words) > 10, target
        assert not target.startswith("http"), target
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*=\"https?:", prose(path))


def test_every_page_has_its_place():
    places = set(re.findall(r"[\w/-]+\.md", NAV))
    there = {str(path.relative_to(ROOT / "docs")) for path in SITE}
    assert places == there | {"workshop/contributing.md", "workshop/changelog.md"}


def test_every_name_is_found():
    def plain(text):
        return re.sub(r"[\s`*_\\-]+", " ", text).lower()

    words = plain(" ".join(path.read_text(encoding="utf-8") for path in SITE))
    missing = [name for name in re.split(r";\s*", NAMES.strip()) if plain(name).strip() not in words]
    assert missing == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs/questions").glob("[!i]*.md")), ids=lambda path: path.stem)
def test_a_question_has_an_answer_a_reason_a_measurement_and_limits(path):
    text = path.read_text(encoding="utf-8")
    assert text.split("\n\n")[1].startswith("**")
    heads = re.findall(r"^## (.+)$", text, re.M)
    assert heads[:2] == ["Why", "Measured"]
    assert {"When it does not hold", "Where experts disagree"} <= set(heads)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_and_every_print_has_its_output(path):
    text = path.read_text(encoding="utf-8")
    parts = blocks.fenced(text)
    shown = [each.output for block in parts if block.kind == "console" for each in blocks.commands(block.body)]
    shown += [block.body.strip() for block in parts if block.kind == "text"]
    assert all(shown), "python docs/make/run.py --write PAGE"


@pytest.mark.parametrize(
    "words", sorted({w for p in PAGES for w in blocks.spoken(p.read_text("utf-8")) if "'" not in w})
)
def test_commands_can_be_read_by_a_shell(words):
    assert shlex.split(words)[0] == "fallline"


# --- the program that runs the pages

PAGE = """# A page

```python
a = 1
print(a + 1)
```

```text
{said}
```

```console
$ echo one; \\
  echo two
{shown}
```
"""


def page(tmp_path, said="2", shown="one\ntwo"):
    path = tmp_path / "page.md"
    path.write_text(PAGE.format(said=said, shown=shown))
    return path


def test_a_right_page_has_no_faults(tmp_path):
    assert runner.faults(page(tmp_path)) == []


@pytest.mark.parametrize(("said", "shown"), [("3", "one\ntwo"), ("2", "one\nthree"), ("2", "")])
def test_a_page_that_says_something_else_is_wrong_and_is_written_anew(tmp_path, said, shown):
    path = page(tmp_path, said, shown)
    assert len(runner.faults(path)) == 1
    assert runner.faults(path, write=True) == []
    assert path.read_text() == PAGE.format(said="2", shown="one\ntwo")


def test_numbers_may_differ_if_asked(tmp_path):
    path = page(tmp_path, "3")
    assert runner.faults(path, numbers=True) == []


def test_a_command_that_fails_ends_the_page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("```console\n$ false\n```\n")
    with pytest.raises(SystemExit, match="false"):
        runner.faults(path)


def test_times_are_not_compared():
    assert runner.same("in 26 s, 0.5 ms", "in 31.2 s, 12 ms", numbers=False)
    assert not runner.same("in 26 s", "in 26 epochs", numbers=False)


@pytest.mark.parametrize("name", ["questions/gradient.md", "gradients.md"])
def test_code_without_a_training_says_what_the_page_says(name, tmp_path, monkeypatch):
    """The guide, the lab and the search have tests of their own; `docs/make/run.py` runs everything."""
    path = ROOT / "docs" / name
    text = path.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names, printed, parts = runner.given(path), "", blocks.fenced(text)
    for before, block in zip([None, *parts], parts, strict=False):
        if block.kind == "python":
            printed = runner.python(block, names, path, text)
        elif block.kind == "text" and before is not None and before.kind == "python":
            assert not blocks.follows(text, before, block) or runner.same(block.body, printed, numbers=True)
