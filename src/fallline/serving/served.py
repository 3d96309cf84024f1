"""A model as its file holds it, for predictions of few rows: schema, arrays and program, without recipe, blocks and JAX."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.shape import Entries, Listed, Plain, Text
from fallline.core.tensor_files import check_finite, digest_of, load_tensors
from fallline.data.schema import Schema
from fallline.data.schema_text import WRITTEN
from fallline.serving.answers import check_answer, check_probable, decided, narrow
from fallline.serving.predictions import predictions_frame
from fallline.serving.program import Program
from fallline.serving.rows import encoded

if TYPE_CHECKING:
    from jaxtyping import Float

KEY = "program"  # of a model's description, and the folder of its arrays
BLOCK = 256  # rows at a time, so that intermediate values stay in the processor's cache
MOST = 2e9  # multiplications up to which NumPy answers; JAX computes more of them faster, once it has compiled
CLOSE = 1e-9  # difference from the answers that were kept with a program, relative to the largest
REMEDY = "use another copy, or train it again"
PROGRAM = Entries({"steps": Listed(Plain()), "scores": Text(), "of": Text()})


@dataclasses.dataclass(frozen=True)
class Served:
    """A trained network as NumPy runs it.

    Arguments:
        schema: the columns and the target.
        program: the network.
        arrays: its arrays in float64, by path.
        scores: the name of the loss, if it yields scores and no probabilities; else empty.
    """

    schema: Schema
    program: Program
    arrays: Mapping[str, np.ndarray]
    scores: str = ""

    @functools.cached_property
    def size(self) -> int:
        """Number of trained parameters."""
        return sum(array.size for path, array in self.arrays.items() if path.startswith("params/"))

    def takes(self, rows: int) -> bool:
        """Whether so many rows are answered at once here; JAX is faster with more."""
        return rows <= BLOCK or rows * self.size <= MOST

    def predicted(self, x: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows targets"]:
        """Probabilities, or targets in their own unit, for encoded rows."""
        found = [self.program.run(self.arrays, part) for part in blocks(x)]
        return self.schema.target.restore(narrow(np.concatenate(found)))

    def predict(self, rows: object, *, probabilities: bool = False) -> Any:
        """The most probable class, named as in the data, or the target in its own unit; as `Predictor.predict`.

        Arguments:
            rows: a frame, a path or `sklearn:NAME`, a `Table`, one row or columns as a dict, or an array.
            probabilities: return a Polars frame with the answer and a column for the probability of every class.

        Raises: FalllineError for rows that the model cannot read, and for probabilities that it does not have.
        """
        x = encoded(rows, self.schema)
        if probabilities:
            return predictions_frame(self, x, True)
        return self.decide(self.predicted(x))

    def probabilities(self, rows: object) -> Float[np.ndarray, "rows classes"]:
        """Probability of each class or label, for rows as `predict` takes them."""
        self.check_probabilities()
        return check_answer(self.predicted(encoded(rows, self.schema)))

    def interval(self, x: np.ndarray, coverage: float) -> Any:
        """Raises: FalllineError: intervals are computed by JAX."""
        raise FalllineError("a served model gives no intervals: read it with fl.load_predictor")

    def spread(self, x: np.ndarray) -> Any:
        """Raises: FalllineError: a served model is a single answer."""
        raise FalllineError("a served model has no spread between members: read it with fl.load_predictor")

    def decide(self, answer: Float[np.ndarray, "rows targets"]) -> np.ndarray:
        """Turn probabilities into classes; the values of a regression stay as they are."""
        return decided(self.schema.target, answer)

    def check_probabilities(self) -> None:
        """Raises: FalllineError for a model without probabilities."""
        check_probable(self.schema.target.task, self.scores or None)


def load_served(path: str | Path) -> Served:
    """Read a model's file, or the model of a run folder, to predict few rows without JAX.

    Raises: FalllineError for a file that is missing or damaged, or that holds no program.
    """
    found = find_served(path)
    if found is None:
        raise FalllineError(
            f"{str(path)!r} holds no program to serve: it is no model, has blocks of your own or several members, or was "
            "written by an earlier version; read it with fl.load_predictor"
        )
    return found


def find_served(path: str | Path) -> Served | None:
    """The served model of a file or a run folder; None where there is no program.

    Raises: FalllineError for a file that is damaged.
    """
    path = Path(path)
    path = path / "model.safetensors" if path.is_dir() else path
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    arrays, described = load_tensors(path, "model")
    if described.get("kind") != "model" or KEY not in described:
        return None
    return served_from(arrays, described, f"model {str(path)!r}")


def served_from(arrays: dict[str, np.ndarray], described: dict[str, Any], what: str) -> Served:
    """The served model of a file's arrays and description.

    Its answers for the rows that were kept with the program must be those that were kept.

    Raises: FalllineError for a schema or a program that does not fit.
    """
    shape = Entries({"program": PROGRAM, "schema": WRITTEN}, open=True)
    wrong = shape.wrong(described, "")
    if wrong is not None:
        raise _unfit(what, f"its {wrong[0]} is not {wrong[1]}")
    check_finite({name: each for name, each in arrays.items() if not name.startswith("program/")}, what, REMEDY)
    check_program(arrays, described, what)
    schema = Schema.from_dict(described["schema"])
    x, answers = (arrays.get(f"{KEY}/{name}") for name in ("rows", "answers"))
    features = len(schema.feature_names)
    if x is None or answers is None or x.ndim != 2 or x.shape[1] != features or len(x) > 64:
        raise _unfit(what, f"its program has no rows of {features} features to be tried with")
    outputs = schema.target.n_classes or len(schema.target.names)
    if answers.shape != (len(x), outputs):
        raise _unfit(what, f"its program has no answers of {outputs} numbers")
    program = Program.from_plain(described[KEY]["steps"], arrays, what, REMEDY)
    wide = {name: each.astype(np.float64) if each.dtype.kind == "f" else each for name, each in arrays.items()}
    found = Served(schema, program, wide, described[KEY]["scores"])
    try:
        most = 64 * (sum(each.size for each in wide.values()) + x.size) + 100_000
        same = agrees(program.run(wide, x.astype(np.float64), most), answers)
    except Exception as error:  # whatever operations raise whose arrays do not fit together
        raise _unfit(what, f"its program cannot be computed ({str(error)[:120]})") from None
    if not same:
        raise _unfit(what, "its program does not give the answers that were kept with it")
    return found


def digest_of_program(arrays: dict[str, np.ndarray], described: dict[str, Any]) -> str:
    """What binds a program to its network: a digest of the file's arrays and description, without itself."""
    program = {name: each for name, each in described[KEY].items() if name != "of"}
    return digest_of(arrays, json.dumps({**described, KEY: program}, sort_keys=True))


def check_program(arrays: dict[str, np.ndarray], described: dict[str, Any], what: str) -> None:
    """Raises: FalllineError for a file whose program and network are not those that were saved together."""
    kept = described.get(KEY)
    if kept is None:
        return
    if not isinstance(kept, dict) or kept.get("of") != digest_of_program(arrays, described):
        raise _unfit(what, "its program is not that of its network")


def agrees(found: np.ndarray, kept: np.ndarray) -> bool:
    """Whether a program's answers are those that were kept with it."""
    size = np.max(np.abs(kept), initial=1e-300, where=np.isfinite(kept))
    return found.shape == kept.shape and bool(np.allclose(found, kept, rtol=CLOSE, atol=CLOSE * size, equal_nan=True))


def blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """The rows, a few at a time, in float64."""
    for begin in range(0, max(1, len(x)), BLOCK):
        yield x[begin : begin + BLOCK].astype(np.float64)


def _unfit(what: str, why: str) -> FalllineError:
    return FalllineError(f"{what} is damaged: {why}; {REMEDY}")
