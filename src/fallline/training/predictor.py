"""A trained model: the part of a run that is kept, and its predictions for new rows."""

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.tensor_files import save_tensors
from fallline.core.tensors import flatten
from fallline.data.identity import SeenRows
from fallline.data.schema import Schema
from fallline.losses import OfMembers
from fallline.serving.answers import check_answer, check_probable, decided, narrow
from fallline.serving.rows import encoded
from fallline.streams.stream import Stream
from fallline.training.host import host_of, weights_of, wide
from fallline.training.recipe import Recipe, recipe_to_plain
from fallline.training.recorded import with_program
from fallline.training.stream_predictions import in_pieces
from fallline.training.tiles import answer_tile, filled, interval_tile, mean_tile, member_tile, tiles_of
from fallline.training.validation import TILE, answering
from fallline.training.whole import FORMAT

if TYPE_CHECKING:
    from fallline.onnx.export import Export


@dataclasses.dataclass(frozen=True)
class Predictor:
    """Parameters, statistics and the description of the columns, for prediction only.

    Arguments:
        recipe: the completed recipe of the run.
        schema: the encoding of columns as numbers and of classes as indices.
        outputs: the number of classes, labels or targets.
        arrays: `params`, `stats`, `scaling` and `target_scaling` as nested dicts.
        seen: the rows that trained the model; None if unknown.
    """

    recipe: Recipe
    schema: Schema
    outputs: int
    arrays: dict[str, Any]
    seen: SeenRows | None = None

    @property
    def task(self) -> str:
        """classification, multilabel or regression."""
        return self.schema.target.task

    @property
    def scaling(self) -> dict[str, float]:
        """Numbers that the input scaler determined on the training rows, such as the components PCA keeps; often empty."""
        return self.recipe.scaler.found(self.arrays["scaling"])

    def answer(
        self,
        x: Float[np.ndarray, "rows features"],
        y: np.ndarray | None = None,
        chosen: Int[np.ndarray, " chosen"] | None = None,
    ) -> tuple[Float[np.ndarray, "chosen targets"], Float[np.ndarray, " chosen"]]:
        """Probabilities (or targets in their own unit) and, where targets are given, the loss of each row.

        `y` holds targets as a run sees them (`Target.condition`); answers for conditioned targets are in float64. Rows pass
        through the network in tiles of one size, so that a row's answer does not depend on its neighbours. `chosen` selects
        rows (default: all), which are gathered tile by tile.
        """
        recipe = as_arrays(answering(self.recipe))
        count = len(x) if chosen is None else len(chosen)
        nothing = (TILE,) if self.task == "classification" else (TILE, self.outputs)
        labels = np.zeros(nothing, np.int32 if self.task == "classification" else np.float32)
        answers = np.zeros((count, self.outputs), np.float32)
        losses = np.zeros(count, np.float32)
        for begin in range(0, count, TILE):
            part: Any = slice(begin, begin + TILE)
            rows = part if chosen is None else chosen[part]
            if y is not None:
                labels = filled(y[rows])
            answer, loss = answer_tile(self.task, self.outputs, recipe, self.arrays, filled(x[rows]), labels)
            size = min(TILE, count - begin)
            answers[part], losses[part] = np.asarray(answer)[:size], np.asarray(loss)[:size]
        return self.schema.target.restore(answers), losses

    def predicted(self, x: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows targets"]:
        """Probabilities, or targets in their own unit, for encoded rows.

        NumPy computes few rows, in float64: that takes microseconds. JAX computes many, as `answer` does. The two agree to
        the rounding of float32.
        """
        host = host_of(self.recipe, self.task, self.outputs)
        found = host.answer(self._wide, x)
        if found is None:
            return self.answer(x)[0]
        answer = self.schema.target.restore(narrow(found))
        if host.proven:
            return answer
        compiled = self.answer(x)[0]
        host.agrees(answer, compiled)
        return compiled

    @functools.cached_property
    def _wide(self) -> Any:
        return wide(self.arrays)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: the arrays in float64 are made again where they are needed."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}

    def probabilities(self, rows: object) -> Float[np.ndarray, "rows classes"]:
        """Probability of each class or label, for rows as `predict` takes them."""
        self.check_probabilities()
        return check_answer(self.predicted(encoded(rows, self.schema)))

    def check_probabilities(self) -> None:
        """Raises: FalllineError where the model has no probabilities: in regression, and with a loss that yields scores."""
        loss = self.recipe.loss
        check_probable(self.task, loss.name if loss is not None and not loss.probabilistic else None)

    @property
    def size(self) -> int:
        """Number of trainable parameters."""
        return weights_of(self.arrays["params"])

    def interval(
        self, rows: object, coverage: float = 0.9
    ) -> tuple[Float[np.ndarray, "rows targets"], Float[np.ndarray, "rows targets"]]:
        """(low, high) of an interval that contains the target with a given probability, for a regression by classes.

        Arguments:
            rows: as for `predict`.
            coverage: the probability, between 0 and 1.

        Raises: FalllineError for a loss that does not model the target's spread.
        """
        if not 0.0 < coverage < 1.0:
            raise FalllineError(f"interval of probability {coverage!r}: expected one between 0 and 1, such as 0.9")
        loss, scaler = self.recipe.loss, self.recipe.target_scaler
        if self.task != "regression":
            raise FalllineError(
                "a model of classes has no interval around its answer: ask for its probabilities instead"
            )
        if not hasattr(scaler, "interval"):
            name = "no" if loss is None else f"the {loss.name}"
            raise FalllineError(
                f"{name} loss says nothing of the target's spread: train with the loss binned_cross_entropy "
                "(`fallline train SOURCE --loss binned_cross_entropy`)"
            )
        x, bounds = encoded(rows, self.schema), []
        recipe = as_arrays(answering(self.recipe))
        for part, tile in tiles_of(x):
            both = interval_tile(self.task, self.outputs, recipe, self.arrays, tile, coverage)
            bounds.append([np.asarray(each)[: len(x[part])] for each in both])
        if not bounds:
            return np.zeros((0, self.outputs)), np.zeros((0, self.outputs))
        low, high = (self.schema.target.restore(np.concatenate(each)) for each in zip(*bounds, strict=True))
        return low, high

    def histograms(
        self, x: Float[np.ndarray, "rows features"]
    ) -> tuple[Float[np.ndarray, "rows targets bins"], Float[np.ndarray, "targets edges"]]:
        """The probability of each bin for encoded rows, and the bins' edges as a run sees targets; regression by classes only."""
        found = [np.zeros((0, self.outputs, 1))]
        recipe = as_arrays(answering(self.recipe))
        for part, tile in tiles_of(x):
            p = mean_tile(self.task, self.outputs, recipe, self.arrays, tile)
            found.append(np.asarray(p)[: len(x[part])].reshape(len(x[part]), self.outputs, -1))
        edges = np.asarray(self.arrays["target_scaling"]["edges"])
        return np.concatenate(found[1:] or [np.zeros((0, self.outputs, edges.shape[1] - 1))]), edges

    def check_members(self) -> None:
        """Raises: FalllineError for a single network, which has no spread between members."""
        if not self.has_members:
            raise FalllineError(
                "a single network has no spread between members: train with members=5, or with a model of members such as "
                "tabm"
            )

    @property
    def has_members(self) -> bool:
        """Whether the network has several members, so that there is a spread between them."""
        return isinstance(self.recipe.loss, OfMembers) and self.recipe.loss.members > 1

    def member_answers(
        self, x: Float[np.ndarray, "rows features"]
    ) -> tuple[Float[np.ndarray, "members rows targets"], Float[np.ndarray, " members"]]:
        """The answer of each member for encoded rows, in the target's own unit, and the members' weights.

        Raises: FalllineError for a single network.
        """
        self.check_members()
        loss = self.recipe.loss
        assert isinstance(loss, OfMembers)
        answers = np.zeros((loss.members, len(x), self.outputs), np.float32)
        recipe = as_arrays(answering(self.recipe))
        for part, tile in tiles_of(x):
            found = member_tile(self.task, self.outputs, recipe, self.arrays, tile)
            answers[:, part] = np.asarray(found)[:, : len(x[part])]
        restored = np.array([self.schema.target.restore(each) for each in answers])
        return restored, np.full(loss.members, 1.0 / loss.members)

    def spread(self, rows: object) -> Float[np.ndarray, "rows targets"]:
        """Standard deviation of the members' answers: of each class's probability, or of each target in its own unit.

        It says how far the members disagree, and nothing of the target's own noise.

        Arguments:
            rows: as for `predict`.

        Raises: FalllineError for a model without members.
        """
        answers, weights = self.member_answers(encoded(rows, self.schema))
        answers = answers.astype(np.float64)
        away = answers - np.tensordot(weights, answers, 1)
        return np.asarray(np.sqrt(np.tensordot(weights, away**2, 1)))

    def predict(
        self, rows: object, *, probabilities: bool = False, interval: float | None = None, spread: bool = False
    ) -> Any:
        """The most probable class, named as in the data, or the target in its own unit.

        Arguments:
            rows: a pandas or Polars frame, a path or `sklearn:NAME`, a `Table`, what `scan` returns, one row or columns as a
                dict, or an array. Columns are matched by name; an array as wide as the encoded features is taken to be encoded.
            probabilities: return a Polars frame with the answer and a column for the probability of every class.
            interval: return a Polars frame with the answer and the ends of its interval of this probability, such as 0.9;
                for a regression by classes.
            spread: return a Polars frame with the answer and the standard deviation between the members of an ensemble: of
                the target, or of the probability of the class that is predicted (and of every class, with probabilities).

        Returns: an array with one entry per row, or a Polars frame if probabilities, an interval or a spread are requested.

        Raises: FalllineError for rows that the model cannot read, and for what it cannot give.

        >>> import fallline as fl
        >>> model = fl.train(fl.Recipe(epochs=3), fl.load("sklearn:iris")).model
        >>> model.predict("sklearn:iris").shape
        (150,)
        """
        if isinstance(rows, Stream):
            return in_pieces(self, rows, probabilities=probabilities, interval=interval, spread=spread)
        x = encoded(rows, self.schema)
        if not probabilities and interval is None and not spread:
            return self.decide(self.predicted(x))
        from fallline.serving.predictions import predictions_frame

        return predictions_frame(self, x, probabilities, interval, spread)

    def decide(self, answer: Float[np.ndarray, "rows targets"]) -> np.ndarray:
        """Turn probabilities into classes; the values of a regression stay as they are.

        Raises: FalllineError for answers that are not finite: `argmax` would turn NaN into a class without an error.
        """
        return decided(self.schema.target, answer)

    def to_onnx(self, path: str | Path, *, inputs: str = "auto") -> "Export":
        """Write the model with its preprocessing as one ONNX file; see `fallline.to_onnx`."""
        from fallline.onnx.export import to_onnx

        return to_onnx(self, path, inputs=inputs)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with the arrays, and with recipe and schema as JSON."""
        description = {
            "format": FORMAT,
            "kind": "model",
            "outputs": self.outputs,
            "recipe": recipe_to_plain(self.recipe),
            "schema": self.schema.to_dict(),
        }
        arrays = flatten(self.arrays)
        if self.seen is not None:
            arrays |= {"seen/train": self.seen.train, "seen/valid": self.seen.valid}
            description["chance"] = self.seen.chance
        save_tensors(Path(path), *with_program(self.recipe, self.schema, self.outputs, arrays, description))
