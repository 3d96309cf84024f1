"""Runs for MLflow."""

import dataclasses
import math
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from fallline.callbacks.base import Begun, Callback, Ended
from fallline.core.errors import FalllineError
from fallline.core.extras import optional
from fallline.core.field import structure

MOST_PARAMS, MOST_METRICS, LONGEST = 100, 1000, 6000  # MLflow's limits on one call and on a value
SECONDS = 1.0  # between two calls, so that a fast training does not wait for the server
_ENDS = {"failed": "FAILED", "diverged": "FAILED", "interrupted": "KILLED"}


@dataclasses.dataclass
class Logging:
    """A run of MLflow that is being written."""

    client: Any
    experiment: str
    run: str
    waiting: list[Any] = dataclasses.field(default_factory=list)
    sent: float = 0.0

    def note(self, values: Mapping[str, Any], step: int, at_once: bool = False) -> None:
        """Collect numbers and send them if it is time."""
        entities = optional("mlflow.entities", "mlflow", "The callback MLflow")
        now = int(time.time() * 1000)
        for name, value in values.items():
            if isinstance(value, int | float) and math.isfinite(value):  # some databases change infinity
                self.waiting.append(entities.Metric(name, float(value), now, step))
        if at_once or time.monotonic() - self.sent >= SECONDS:
            for start in range(0, len(self.waiting), MOST_METRICS):
                self.client.log_batch(self.run, metrics=self.waiting[start : start + MOST_METRICS])
            self.waiting, self.sent = [], time.monotonic()


class MLflow(Callback):
    """Logs a training as a run of MLflow: its settings, every column of the history by epoch, final metrics, the model.

    A search is a parent run, and its trials are child runs with their hyperparameters and scores. Needs
    `pip install "fallline[mlflow]"`.

    >>> MLflow(experiment="tips").experiment
    'tips'
    """

    name: ClassVar[str] = "mlflow"
    needs: ClassVar[str] = "mlflow"
    experiment: str = structure("fallline", help="name of the experiment, which is made if it does not exist")
    tracking_uri: str | None = structure(None, optional=True, help="where MLflow keeps runs; None: its own setting")
    model: bool = structure(True, choices=(True, False), help="whether the trained model is kept as an artifact")

    def begin(self, begun: Begun) -> Any:
        library = optional("mlflow", "mlflow", "The callback MLflow")
        try:
            client = library.MlflowClient(tracking_uri=self.tracking_uri)
            found = client.get_experiment_by_name(self.experiment)
            experiment = client.create_experiment(self.experiment) if found is None else found.experiment_id
            made = client.create_run(experiment, run_name=begun.name, tags={"fallline.kind": begun.kind})
        except library.exceptions.MlflowException as error:
            reason = " ".join(str(error).split())[:200]
            raise FalllineError(f"MLflow cannot begin a run ({reason}): check tracking_uri and experiment") from None
        state = Logging(client, experiment, made.info.run_id)
        _params(client, state.run, begun.settings)
        return state

    def epoch(self, state: Any, number: int, values: Mapping[str, float]) -> None:
        state.note({name: value for name, value in values.items() if name != "epoch"}, number)

    def trial(self, state: Any, number: int, values: Mapping[str, Any], scores: Mapping[str, Any]) -> None:
        tags = {"mlflow.parentRunId": state.run, "fallline.kind": "trial"}
        made = state.client.create_run(state.experiment, run_name=f"trial {number}", tags=tags)
        child = Logging(state.client, state.experiment, made.info.run_id)
        _params(state.client, child.run, values)
        child.note(scores, 0, at_once=True)
        outcome = str(scores.get("outcome"))
        state.client.set_tag(child.run, "fallline.outcome", outcome)
        state.client.set_terminated(child.run, _ENDS.get(outcome, "FINISHED"))
        state.note({"score": scores.get("score")}, number)

    def end(self, state: Any, ended: Ended) -> None:
        final = {f"{split}_{name}": v for split, each in ended.metrics.items() for name, v in each.items()}
        state.note({f"final_{name}": value for name, value in final.items()}, 0, at_once=True)
        state.client.set_tag(state.run, "fallline.outcome", ended.outcome)
        model = getattr(ended.result, "model", None)
        if self.model and model is not None and getattr(ended.result, "learnt", False):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.safetensors"
                model.save(path)
                state.client.log_artifact(state.run, str(path), "model")
        state.client.set_terminated(state.run, _ENDS.get(ended.outcome, "FINISHED"))


def _params(client: Any, run: str, values: Mapping[str, Any]) -> None:
    entities = optional("mlflow.entities", "mlflow", "The callback MLflow")
    params = [entities.Param(name, str(value)[:LONGEST]) for name, value in values.items()]
    for start in range(0, len(params), MOST_PARAMS):
        client.log_batch(run, params=params[start : start + MOST_PARAMS])
