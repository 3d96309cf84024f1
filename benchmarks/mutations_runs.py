"""Files of a run folder that its report reads: metrics, history, diagnosis and the summary of a search."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutations_changes import Kind, Rng, altered, as_json
from mutations_models import small_run

import fallline as fl


def run_folder(folder: Path) -> Path:
    """A run folder with a search's description."""
    from fallline.training import folder as folders

    table, own = small_run(folder)
    plan = folders.Plan(own, table.source, 0)
    run = fl.train(own, table)
    home = folder / "run"
    folders.begin_folder(home, plan)
    folders.finish_folder(home, plan, run, table)
    return home


def reported(home: Path) -> Callable[[], Any]:
    """The page without Plotly's own text, three megabytes that never change."""
    from fallline.report import page

    def read() -> Any:
        run = page.read_finished(home)
        figures = page.curves_of(run.history, run.summary)
        search, diagnosis = page.read_search(home), page.read_diagnosis(home)
        page._header(run, "x"), page._cards(run), page._notes(run.summary["notes"])
        page._search(search, 0), page._metrics(run.summary), page._classes(run.summary["data"]), page._recipe(run)
        pictures = page.why_figures(diagnosis, run.history)
        page.why_text(diagnosis, 0, pictures)
        return run.summary, search is None or search[0], diagnosis, repr([*figures, *pictures])

    return read


def document(home: Path, name: str) -> Kind:
    """A JSON file of a run folder, whose values are altered."""
    plain = json.loads((home / name).read_text())
    return Kind(home / name, reported(home), lambda rng: as_json(altered(rng, plain)).encode("utf-8", "replace"), False)


def metrics(folder: Path) -> Kind:
    """`metrics.json`."""
    home = run_folder(folder)
    return document(home, "metrics.json")


def history(folder: Path) -> Kind:
    """`history.parquet`."""
    home = run_folder(folder)

    def sealed(rng: Rng) -> bytes:
        import polars as pl

        frame = pl.read_parquet(io.BytesIO(content))
        name = rng.choice(frame.columns)
        odd = rng.choice(
            [
                pl.Series(name, [None] * 3),
                pl.Series(name, ["x"] * 3),
                pl.Series(name, [[1]] * 3),
                pl.Series(name, [float("inf")] * 3),
                pl.Series(name, [-1, 0, 1]),
                pl.Series(name, [2**60] * 3),
                pl.Series("epoch", [3, 2, 1]),
            ]
        )
        frame = frame.with_columns(odd) if rng.random() < 0.7 else frame.drop(name).head(rng.choice((0, 1, 3)))
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        return buffer.getvalue()

    content = (home / "history.parquet").read_bytes()
    return Kind(home / "history.parquet", reported(home), sealed, False)


def diagnosis(folder: Path) -> Kind:
    """`diagnosis.json`, of a run with findings and tried remedies."""
    from fallline.doctor.folder import save_diagnosis

    home = run_folder(folder)
    table = fl.load("sklearn:iris")
    run = fl.train(fl.Recipe(model=fl.MLP(hidden=(4,)), optimizer=fl.Adam(1e-6), epochs=4), table)
    save_diagnosis(home, fl.diagnose(run, table, try_remedies=True, seeds=2))
    return document(home, "diagnosis.json")


def search(folder: Path) -> Kind:
    """`study.json`."""
    from fallline.searching.summary import write_summary

    home = run_folder(folder)
    space = fl.replace(
        fl.Recipe(model=fl.MLP(hidden=(4,)), epochs=2),
        {
            "optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1),
            "model.dropout": fl.Uniform(0, 0.5),
            "model.activation": fl.Choice((fl.ReLU(), fl.Tanh())),
        },
    )
    write_summary(home, fl.search(space, fl.load("sklearn:iris"), trials=9, batch=9))
    return document(home, "study.json")
