"""The guide's code runs, and prints what the guide says."""

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs/guide.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", GUIDE, re.M | re.S)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What the code defines and prints, in an allow-list of its own: other tests meet the built-in blocks alone."""
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        import fallline.training.recipe  # noqa: F401  (registers all families before the copy)
        from fallline.core import block

        patch.setattr(block, "_FAMILIES", {kind: dict(names) for kind, names in block._FAMILIES.items()})
        patch.chdir(tmp_path_factory.mktemp("guide"))
        namespace = {"__name__": "guide", "print": lambda *words: printed.append(" ".join(map(str, words)))}
        for kind, code in BLOCKS:
            if kind == "python":
                exec(compile(code, "docs/guide.md", "exec"), namespace)
        yield namespace, printed


def test_the_code_runs_and_a_model_with_own_blocks_is_read_again(ran):
    namespace, printed = ran
    assert printed[0].startswith(("stopped early", "finished"))
    run, fl = namespace["run"], namespace["fl"]
    assert run.metrics["test"]["rmse"] < 65  # the target's deviation is 77
    assert namespace["wider"].model.activation.size == 5.0
    run.model.save("m.safetensors")
    assert fl.load_predictor("m.safetensors").recipe == run.recipe
    for each, member in namespace["CASES"]:
        namespace["test_my_blocks"](each, member)


def test_what_the_wrong_loss_is_told_is_what_the_guide_says(ran):
    (said,) = [text for kind, text in BLOCKS if kind == "text"]
    assert said.strip().removesuffix("...").strip() in ran[1][1]


def test_ten_lines_each():
    for code in (text for kind, text in BLOCKS[:2] if kind == "python"):
        own = code[code.index("class ") :]
        assert len([line for line in own.splitlines() if line.strip()]) <= 10
