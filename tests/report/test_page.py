"""The page: whole, alone, and safe whatever the names are."""

import base64
import hashlib
import html.parser
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.report.page import report, write_report
from fallline.training.folder import HISTORY, METRICS, RECIPE, Plan, plan_to_toml
from fallline.training.recipe import Recipe

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>&amp;',
    "\ud800",
)


def columns(epochs: int = 3, **more: list[float]) -> dict[str, list[float]]:
    one = [0.5 / (k + 1) for k in range(epochs)]
    plain = ("train_loss", "train_objective", "train_accuracy", "valid_loss", "valid_accuracy", "learning_rate")
    layer = ("gradient_norm", "update_ratio", "dead", "saturated")
    names = [*plain, *(f"dense_{i}.{name}" for i in (1, 2, 10) for name in layer)]
    return {"epoch": [k + 1 for k in range(epochs)], **dict.fromkeys(names, one), **more}


def summary(**more: Any) -> dict[str, Any]:
    each = {"loss": 0.25, "accuracy": 0.9666}
    data = {
        "name": "flowers",
        "task": "classification",
        "target": ["kind"],
        "classes": ["iris", "rose"],
        "features": 4,
        "rows": {"train": 1000, "valid": 20, "test": 30},
    }
    return {
        "run": "runs/flowers",
        "outcome": "finished",
        "sentence": "finished all 3 epochs; the parameters are those of epoch 2, the best",
        "epochs": 3,
        "best_epoch": 2,
        "steps": 96,
        "seconds": 1.5,
        "setup_seconds": 1.0,
        "seed": 7,
        "metrics": {"train": each, "valid": each, "test": each},
        "data": data,
        "notes": [],
        **more,
    }


def make_folder(path: Path, said: dict[str, Any], seen: dict[str, list[float]], source: str = "flowers.csv") -> Path:
    path.mkdir(exist_ok=True)
    (path / RECIPE).write_text(plan_to_toml(Plan(Recipe(), {"source": source, "target": "kind"}, 7)), encoding="utf-8")
    (path / METRICS).write_text(json.dumps(said))
    pl.DataFrame(seen).write_parquet(path / HISTORY)
    return path


class Page(html.parser.HTMLParser):
    """What a browser would see: elements with their attributes, and the text outside and inside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self.inside = "", [], ""
        self.feed(text)

    def skeleton(self) -> list[tuple[str, list[str]]]:
        return [(name, sorted(attributes)) for name, attributes in self.elements]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.text += data


def test_the_page_says_what_the_run_was(tmp_path: Path) -> None:
    text = report(make_folder(tmp_path, summary(notes=["column 'id' was dropped"]), columns()))
    page = Page(text)
    for said in (
        "flowers", "Finished all 3 epochs", "Test accuracy", "96.66 %", "on 30 rows", "1,050",
        "column 'id' was dropped", "optimizer.learning_rate", "flowers.csv", "rose", "Gradient norm", "Saturated units",
    ):  # fmt: skip
        assert said in page.text
    assert 'source = "flowers.csv"' in page.text


def test_nothing_comes_from_elsewhere_and_only_its_own_scripts_run(tmp_path: Path) -> None:
    page = Page(report(make_folder(tmp_path, summary(), columns())))
    names = [name for name, _ in page.elements]
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(names)
    assert not any({"src", "href"} & set(attributes) for _, attributes in page.elements)
    policy = next(each["content"] for _, each in page.elements if each.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    run = [text for text in page.scripts if not text.startswith('[{"title"')]
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in run]
    assert re.findall("sha256-([^']+)'", policy) == digests
    assert len(digests) == 1
    assert len(report(tmp_path).encode()) < 250_000


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out(tmp_path: Path, name: str) -> None:
    plain = Page(report(make_folder(tmp_path / "plain", summary(notes=["note"]), columns())))
    data = summary()["data"] | {"name": name, "task": name, "target": [name], "classes": [name, "b"]}
    each = {"loss": 0.1, name: 0.2}
    said = summary(
        data=data,
        notes=[name],
        sentence=name,
        outcome=name,
        seed=name,
        metrics={"train": each, "valid": each, "test": each},
    )
    column = name.encode("utf-8", "replace").decode()
    seen = columns()
    seen = {key.replace("dense_1.", f"{column}.").replace("_accuracy", f"_{column}"): seen[key] for key in seen}
    folder = make_folder(tmp_path / "hostile", said, seen, source=column)
    path = write_report(folder)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.skeleton() == plain.skeleton()
    held = next(text for text in page.scripts if text.startswith('[{"title"'))
    assert "<" not in held
    assert ">" not in held
    assert any(column[:4] in series["name"] for figure in json.loads(held) for series in figure["series"])


@pytest.mark.parametrize("epochs", [0, 1])
def test_short_runs(tmp_path: Path, epochs: int) -> None:
    page = Page(report(make_folder(tmp_path, summary(epochs=epochs, best_epoch=epochs), columns(epochs))))
    assert ("No epoch was trained" in page.text) == (epochs == 0)
    assert len(page.scripts) == (0 if epochs == 0 else 2)


def test_regression_without_test_or_validation_rows(tmp_path: Path) -> None:
    data = {"name": "d", "task": "regression", "target": ["y"], "classes": None, "features": 1, "rows": {"train": 9}}
    seen = {"epoch": [1, 2], "train_rmse": [2.0, 1.0], "valid_rmse": [math.nan] * 2, "a.dead": [0.0, 0.0]}
    said = summary(data=data, metrics={"train": {"loss": None, "rmse": 1234.5}}, best_epoch=None)
    page = Page(report(make_folder(tmp_path, said, seen)))
    for text in (
        "Training RMSE",
        "in the unit of “y”, on 9 rows",
        "no rows were set aside",
        "Dead units: 0 in every layer",
    ):
        assert text in page.text
    assert "classes of" not in page.text
    assert '"name":"validation"' not in page.scripts[0]


def test_many_classes_are_bounded(tmp_path: Path) -> None:
    said = summary()
    said["data"]["classes"] = [f"c{k}." for k in range(5000)]
    text = Page(report(make_folder(tmp_path, said, columns()))).text
    assert "c99." in text
    assert "c100." not in text
    assert "and 4,900 more" in text


def test_what_is_not_a_finished_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FalllineError, match="not a run folder"):
        report(tmp_path)
    with pytest.raises(FalllineError, match="not a run folder"):
        write_report(tmp_path / "nowhere")
    folder = make_folder(tmp_path / "run", summary(), columns())
    (folder / "history.parquet").rename(folder / "away")
    with pytest.raises(FalllineError, match=r"no history.parquet: the run is not finished"):
        report(folder)
    (folder / "history.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(FalllineError, match="is damaged or not a Parquet file"):
        report(folder)
    (folder / "metrics.json").unlink()
    with pytest.raises(FalllineError, match=r"no metrics.json"):
        report(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"metrics": 3}', "[" * 100_000, "\x00"])
def test_damaged_metrics(tmp_path: Path, text: str) -> None:
    folder = make_folder(tmp_path, summary(), columns())
    (folder / "metrics.json").write_text(text)
    with pytest.raises(FalllineError, match=r"metrics\.json"):
        report(folder)


@pytest.mark.parametrize("wrong", [{"metrics": {"test": 3}}, {"data": {"rows": None}}, {"outcome": ["x"]}])
def test_metrics_of_another_shape(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(FalllineError, match=r"metrics .* is damaged: its (metrics.test|data.rows|outcome) is"):
        report(make_folder(tmp_path, summary(**wrong), columns()))


@pytest.mark.parametrize("seen", [{"epoch": [1], "train_loss": ["x"]}, {"train_loss": [0.5]}])
def test_history_of_another_shape(tmp_path: Path, seen: dict[str, list[float]]) -> None:
    with pytest.raises(FalllineError, match="not that of a run"):
        report(make_folder(tmp_path, summary(), seen))


def test_importing_is_cheap() -> None:
    heavy = "import fallline.report.page, sys; print([m for m in ('plotly', 'polars') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
