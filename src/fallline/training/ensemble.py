"""An ensemble: several trained networks of one table as one model, whose answer is the mean of theirs."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.tensor_files import save_tensors
from fallline.core.tensors import flatten
from fallline.data.identity import SeenRows
from fallline.serving.answers import narrow
from fallline.serving.rows import encoded
from fallline.training.host import host_of
from fallline.training.mixture import mixture_quantile
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe, recipe_to_plain
from fallline.training.tiles import filled
from fallline.training.validation import TILE, answering, forward
from fallline.training.whole import FORMAT

KIND = "ensemble"
MOST = 1000  # members of one model


@dataclasses.dataclass(frozen=True)
class Ensemble(Predictor):
    """Several networks of one table as one model: its answer is the weighted mean of their probabilities or targets.

    `recipe` is that of the first member. `arrays` is empty, because every member has its own.

    Arguments:
        members: the networks.
        weights: their weights, which sum to 1.
    """

    members: tuple[Predictor, ...] = ()
    weights: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, members: Sequence[Predictor], weights: Sequence[float] | None = None, seen: SeenRows | None = None
    ) -> "Ensemble":
        """The mean of some networks; those of weight 0 are left out.

        Arguments:
            members: at least one network; all of one table.
            weights: a weight of 0 or more for each; default: equal weights.
            seen: the rows that trained the members; default: those of the first.

        Raises: FalllineError for no members, members of different tables, or weights that do not fit.
        """
        given = np.ones(len(members)) if weights is None else np.asarray(weights, np.float64)
        if not len(members) or given.shape != (len(members),) or not (given >= 0).all() or not given.sum() > 0:
            raise FalllineError("an ensemble needs at least one member, and a weight of 0 or more for each, not all 0")
        if any(each.schema != members[0].schema or each.outputs != members[0].outputs for each in members):
            raise FalllineError(
                "the members of an ensemble must be of one table: train all of them on the same columns"
            )
        kept = [(each, float(w)) for each, w in zip(members, given / given.sum(), strict=True) if w > 0]
        first = kept[0][0]
        return cls(
            first.recipe,
            first.schema,
            first.outputs,
            {},
            first.seen if seen is None else seen,
            tuple(each for each, _ in kept),
            tuple(w for _, w in kept),
        )

    @property
    def scaling(self) -> dict[str, float]:
        """Numbers that the input scaler of the first member determined on its training rows; often empty."""
        return self.members[0].scaling

    @property
    def size(self) -> int:
        """Number of trainable parameters, over all members."""
        return sum(each.size for each in self.members)

    def answer(
        self,
        x: Float[np.ndarray, "rows features"],
        y: np.ndarray | None = None,
        chosen: Int[np.ndarray, " chosen"] | None = None,
    ) -> tuple[Float[np.ndarray, "chosen targets"], Float[np.ndarray, " chosen"]]:
        """The mean answer and, where targets are given, the loss of the mean answer of each row; see `Predictor.answer`.

        If the members have different losses, or bins of their own, the loss is the mean of the members' losses, which is
        never smaller for a convex loss.
        """
        count = len(x) if chosen is None else len(chosen)
        nothing = (TILE,) if self.task == "classification" else (TILE, self.outputs)
        labels = np.zeros(nothing, np.int32 if self.task == "classification" else np.float32)
        answers, losses = np.zeros((count, self.outputs), np.float32), np.zeros(count, np.float32)
        recipes = [as_arrays(answering(each.recipe)) for each in self.members]
        weights = np.array(self.weights)
        for begin in range(0, count, TILE):
            part: Any = slice(begin, begin + TILE)
            rows = part if chosen is None else chosen[part]
            size = min(TILE, count - begin)
            tile = filled(x[rows])
            both = [
                _outputs(self.task, self.outputs, recipe, each.arrays, tile)
                for recipe, each in zip(recipes, self.members, strict=True)
            ]
            mean = np.tensordot(weights, np.array([answer for _, answer in both], np.float64), 1).astype(np.float32)
            answers[part] = mean[:size]
            if y is not None:
                labels = filled(y[rows])
                losses[part] = self._losses(recipes, [z for z, _ in both], mean, labels)[:size]
        return self.schema.target.restore(answers), losses

    def predicted(self, x: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows targets"]:
        """The mean answer for encoded rows: by NumPy for few rows, by JAX for many; see `Predictor.predicted`."""
        found = []
        for each in self.members:
            host = host_of(each.recipe, each.task, each.outputs)
            answer = host.answer(each._wide, x) if host.proven else None
            if answer is None:
                return self.answer(x)[0]
            found.append(answer)
        mean = np.tensordot(np.array(self.weights), np.array(found), 1)
        return self.schema.target.restore(narrow(mean))

    def _losses(self, recipes: list[Recipe], z: list[Any], answer: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The loss of the mean answer of each row of a tile."""
        first, arrays = recipes[0], self.members[0].arrays
        weights = np.array(self.weights, np.float32)
        if self._one_loss:
            if self.task == "regression" and not hasattr(first.target_scaler, "interval"):
                return np.asarray(_loss_of_answer(first, arrays, answer, y))
            return np.asarray(_loss_of_blend(first, arrays, jnp.stack(z), weights, y))
        each = [
            np.asarray(_loss_of(recipe, one.arrays, own, y))
            for recipe, one, own in zip(recipes, self.members, z, strict=True)
        ]
        return np.tensordot(weights, np.array(each), 1).astype(np.float32)

    @functools.cached_property
    def _one_loss(self) -> bool:
        """Whether the members have one loss whose outputs can be averaged."""
        losses: list[Any] = [each.recipe.loss.evaluation_loss for each in self.members if each.recipe.loss is not None]
        if any(as_arrays(each) != as_arrays(losses[0]) for each in losses):
            return False
        try:
            width = losses[0].outputs(self.outputs, self.task)
            jax.eval_shape(losses[0].blend, jnp.zeros((1, 1, width)), jnp.ones(1))
        except FalllineError:  # a loss of the user's own, without an inverse
            return False
        if not hasattr(self.recipe.target_scaler, "interval"):
            return True
        edges = [each.arrays["target_scaling"]["edges"] for each in self.members]
        return all(np.array_equal(each, edges[0]) for each in edges)

    def member_answers(
        self, x: Float[np.ndarray, "rows features"]
    ) -> tuple[Float[np.ndarray, "members rows targets"], Float[np.ndarray, " members"]]:
        """The answer of each member for encoded rows, and the members' weights; a member may have members itself."""
        answers, weights = [], []
        for each, w in zip(self.members, self.weights, strict=True):
            if each.has_members:
                inner, shares = each.member_answers(x)
            else:
                inner, shares = each.answer(x)[0][None], np.ones(1)
            answers.append(inner)
            weights.append(w * shares)
        return np.concatenate(answers), np.concatenate(weights)

    @property
    def has_members(self) -> bool:
        """Whether there is a spread between members."""
        return True

    def interval(
        self, rows: object, coverage: float = 0.9
    ) -> tuple[Float[np.ndarray, "rows targets"], Float[np.ndarray, "rows targets"]]:
        """(low, high) of an interval of the members' mixed distribution; see `Predictor.interval`."""
        if not 0.0 < coverage < 1.0:
            raise FalllineError(f"interval of probability {coverage!r}: expected one between 0 and 1, such as 0.9")
        if any(not hasattr(each.recipe.target_scaler, "interval") for each in self.members):
            raise FalllineError(
                "the members' losses say nothing of the target's spread: ask for the spread between members, or train with "
                "binned_cross_entropy"
            )
        x = encoded(rows, self.schema)
        parts = [each.histograms(x) for each in self.members]
        levels = (0.5 * (1.0 - coverage), 0.5 * (1.0 + coverage))
        low, high = (self.schema.target.restore(mixture_quantile(parts, self.weights, each)) for each in levels)
        return low, high

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with the arrays of all members, and with recipes and schema as JSON."""
        description: dict[str, Any] = {
            "format": FORMAT,
            "kind": KIND,
            "outputs": self.outputs,
            "members": [recipe_to_plain(each.recipe) for each in self.members],
            "weights": list(self.weights),
            "schema": self.schema.to_dict(),
        }
        arrays = flatten({str(index): each.arrays for index, each in enumerate(self.members)})
        if self.seen is not None:
            arrays |= {"seen/train": self.seen.train, "seen/valid": self.seen.valid}
            description["chance"] = self.seen.chance
        save_tensors(Path(path), arrays, description)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _outputs(task: str, outputs: int, recipe: Recipe, arrays: dict[str, Any], x: Array) -> tuple[Array, Array]:
    """(outputs of the network, answer) of a member."""
    assert recipe.loss is not None
    network = recipe.network(recipe.loss.outputs(outputs, task))
    z = forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x)
    answer = recipe.loss.mean(z)
    return z, answer if recipe.target_scaler is None else recipe.target_scaler.invert(arrays["target_scaling"], answer)


def _scaled(recipe: Recipe, arrays: dict[str, Any], y: Array) -> Array:
    return y if recipe.target_scaler is None else recipe.target_scaler.apply(arrays["target_scaling"], y)


@jax.jit
def _loss_of(recipe: Recipe, arrays: dict[str, Any], z: Array, y: Array) -> Array:
    assert recipe.loss is not None
    return recipe.loss.evaluation_loss(z, _scaled(recipe, arrays, y))


@jax.jit
def _loss_of_blend(recipe: Recipe, arrays: dict[str, Any], z: Array, weights: Array, y: Array) -> Array:
    assert recipe.loss is not None
    return recipe.loss.evaluation_loss(recipe.loss.blend(z, weights), _scaled(recipe, arrays, y))


@jax.jit
def _loss_of_answer(recipe: Recipe, arrays: dict[str, Any], answer: Array, y: Array) -> Array:
    """The loss of a regression's mean answer, in the scaled unit of one member: other members may scale differently."""
    assert recipe.loss is not None
    z = recipe.loss.inverse(_scaled(recipe, arrays, answer))
    return recipe.loss.evaluation_loss(z, _scaled(recipe, arrays, y))
