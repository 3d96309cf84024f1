"""Run folders for the board's tests: finished runs, runs that train, and a study, written in milliseconds."""

import os
import socket
from pathlib import Path

import numpy as np
from tests.report.test_page import columns, make_folder, summary

from fallline.core.tensor_files import save_tensors
from fallline.distributions import LogUniform
from fallline.optimizers import Adam
from fallline.searching.store import Store
from fallline.strategies.space import Space
from fallline.training.folder import Plan, plan_to_toml
from fallline.training.recipe import Recipe, recipe_to_plain

RATES = LogUniform(1e-4, 1e-1)


def finished(home: Path, name: str, epochs: int = 3, **more) -> Path:
    """A finished run."""
    home.mkdir(exist_ok=True)
    return make_folder(home / name, summary(epochs=epochs, **more), columns(epochs))


def training(home: Path, name: str, epochs: int, process: int | None = None, rate: float = 1e-3) -> Path:
    """A run that trains in a process, this one by default, with a checkpoint after some epochs."""
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(Recipe(optimizer=Adam(rate), epochs=50), {"source": "rows.csv", "target": "y"}, 0)
    (folder / "recipe.toml").write_text(plan_to_toml(plan))
    (folder / ".lock").write_text(f"{socket.gethostname()} {process or os.getpid()}\n")
    losses = np.linspace(1.0, 0.5, epochs, dtype=np.float32)
    arrays = {"history/train_loss": losses, "history/valid_loss": losses + 1, "history/outcome": losses * 0,
              "history/gradient_norm": np.stack([losses, 2 * losses], axis=1), "state/epoch": np.int32(epochs)}  # fmt: skip
    save_tensors(folder / "checkpoint.safetensors", arrays, {"kind": "checkpoint"})
    return folder


def study(home: Path, name: str, scores: list[float | None], planned: int = 20, monitor: str = "loss") -> Store:
    """The study of a search that goes on; a trial whose score is None is still training."""
    folder = home / name
    folder.mkdir(parents=True)
    space = Space(Recipe(optimizer=Adam(RATES), monitor=monitor))
    store = Store(folder / "study.db")
    described = {"version": "0.1.0", "space": recipe_to_plain(space.recipe), "default": space.default.tolist(),
                 "data": {"source": "rows.csv"}, "trials": planned}  # fmt: skip
    store.begin(0, described)
    add_trials(store, scores, planned)
    return store


def add_trials(store: Store, scores: list[float | None], planned: int = 20) -> None:
    """More trials of a study."""
    points = np.linspace(0.1, 0.9, len(scores))[:, None]
    mine = store.reserve(len(scores), planned, lambda rows, numbers: points)
    store.finish(
        [
            {"number": number, "outcome": "finished", "score": score, "error": None, "epochs": 9.0, "lane_epochs": 9,
             "seconds": 0.5, "columns": {"valid_loss": score, "score_after_3": score + 1, "score_after_9": score}}
            for (number, _), score in zip(mine, scores, strict=True)
            if score is not None
        ]
    )  # fmt: skip
