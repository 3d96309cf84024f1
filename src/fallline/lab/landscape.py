"""The landscape around a trained network: its loss and metric on a plane or a line through its weights, and its sharpness."""

import math
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError, nearest
from fallline.core.files import write_atomically
from fallline.data.table import Table, load
from fallline.doctor.case import Case, case_of, case_of_folder
from fallline.drawing.picture import Picture
from fallline.lab.curvature import sharpness_of
from fallline.lab.directions import (
    coordinates,
    difference,
    principal_directions,
    random_direction,
    to_params,
    to_vector,
)
from fallline.lab.network import NetworkOnRows, network_on
from fallline.lab.scene import Scene, Trajectory
from fallline.lab.scenery import page_of, picture_of
from fallline.lab.snapshots import Snapshots, snapshots_of
from fallline.training.run import Run

PLANES = ("random", "trajectory", "line")
SIZES = {1: 101, 2: 51}  # points along each axis
BEYOND = 0.5  # how far a line is followed beyond both networks, as a share of their distance
MARGIN = 0.25  # room around a trajectory, as a share of its extent


class Landscape(Scene):
    """A landscape with its pictures and its page."""

    def figure(self, kind: str = "loss") -> Picture:
        """A picture: `loss` or the metric from above or along the line, `surface` from the side, `training` by epoch.

        Raises: FalllineError for a kind that this landscape does not have.
        """
        return picture_of(self, kind)

    def save_page(self, path: Path | str) -> Path:
        """Write one HTML page with the pictures and the numbers, and return its path.

        Raises: FalllineError for another ending, and if the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise FalllineError(f"page {str(path)!r} is no .html: choose such a name")
        write_atomically(path, page_of(self).encode())
        return path


def landscape(
    run: Any,
    data: Any = None,
    *,
    plane: str | None = None,
    other: Any = None,
    dimensions: int = 2,
    size: int | None = None,
    span: float = 1.0,
    split: str = "train",
    rows: int = 10_000,
    sharpness: bool = True,
    seed: int = 0,
) -> Landscape:
    """The loss and the metric around a trained network, in prediction mode, on fixed rows.

    Arguments:
        run: a run, or the folder of one.
        data: its table or source, where the run does not know it.
        plane: `random`: two random directions whose filters have the size of the network's; `trajectory`: the two
            directions in which the weights varied most during training, with the path of the training, which is trained
            again for it; `line`: the straight line to another run. By default random, or the line if another run is given.
        other: another run of the same network on the same data, or its folder.
        dimensions: 1 or 2 directions; a line has one.
        size: points along each axis; by default 51, and 101 on a line.
        span: how far random directions are followed; at 1 the step is as large as the network's own filters.
        split: train, valid or test.
        rows: most rows of the split, evenly spaced.
        sharpness: whether to estimate the Hessian's largest and smallest eigenvalue and its trace.
        seed: of the random directions.

    Raises: FalllineError for a run without a network, an ensemble, an unknown plane, and runs that do not fit together.

    >>> import fallline as fl
    >>> run = fl.train(fl.Recipe(model=fl.MLP((4,)), epochs=3), fl.load("sklearn:iris"))
    >>> found = landscape(run, dimensions=1, size=11)
    >>> found.frame.columns, len(found.frame), found.sharpness.parameters > 0
    (['a', 'loss', 'accuracy'], 11, True)
    """
    which = plane or ("random" if other is None else "line")
    count = _checked(which, other, dimensions, size, span)
    case = case_from(run, data)
    network = network_on(case, split, rows)
    notes: list[str] = []
    snapshots = snapshots_of(case) if which == "trajectory" else None
    if snapshots is not None and case.recipe.calibrate != "none":
        notes.append(
            "the network was calibrated after its training, so its last layer is not that at the end of the path"
        )
    elif snapshots is not None and snapshots.difference > 1e-4:
        notes.append(
            f"training again gave parameters that differ by {100 * snapshots.difference:.2g} %: the run was trained on another "
            "machine, or with another version"
        )
    path: Trajectory | None = None
    explained: tuple[float, ...] = ()
    if which == "line":
        end = network_on(case_from(other, data), split, rows)
        axes: tuple[Any, ...] = (_line(network, end),)
        x = np.linspace(-BEYOND, 1 + BEYOND, count)
        y = np.zeros(1)
    elif snapshots is None:
        layers = network.layers
        axes = tuple(random_direction(layers, network.weights, seed * 2 + i) for i in range(dimensions))
        x = np.linspace(-span, span, count)
        y = x if dimensions == 2 else np.zeros(1)
    else:
        axes, path, explained = _of_training(network, snapshots, dimensions)
        x, y = (_around(path.places[:, i], count) for i in range(2))
        y = y if dimensions == 2 else np.zeros(1)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)[:, : len(axes)]
    loss, score = network.measure(network.weights, axes, points)
    here = network.measure(network.weights, axes, np.zeros((1, len(axes))))
    return Landscape(
        plane=which,
        name=name_of(network),
        metric=network.metric,
        split=split,
        rows=len(network.x),
        x=x,
        y=y,
        loss=loss.reshape(len(y), len(x)),
        score=score.reshape(len(y), len(x)),
        here=(float(here[0][0]), float(here[1][0])),
        trajectory=path,
        explained=explained,
        sharpness=sharpness_of(network, seed) if sharpness else None,
        notes=tuple(notes),
    )


def case_from(run: Any, data: Any = None) -> Case:
    """A run with its data, from a run in memory or the folder of one.

    Raises: FalllineError for anything else, and for an ensemble.
    """
    if isinstance(run, str | Path):
        return case_of_folder(Path(run))
    if not isinstance(run, Run):
        raise FalllineError(
            f"a run of type {type(run).__name__} has no landscape: expected what fallline.train returns, or a run folder"
        )
    table = data if data is None or isinstance(data, Table) else load(data)
    return case_of(run, table)


def name_of(network: NetworkOnRows) -> str:
    """The widths of a network's layers, such as 784-128-10."""
    widths = [network.x.shape[1]]
    for _, layer, _, after in network.layers.walk(network.x.shape[1]):
        widths += [after] if layer.has_units else []
    return "-".join(map(str, widths))


def _checked(plane: str, other: Any, dimensions: int, size: int | None, span: float) -> int:
    """Number of points along an axis."""
    if plane not in PLANES:
        raise FalllineError(f"plane = {plane!r} is unknown: {nearest(plane, PLANES)}")
    if (plane == "line") != (other is not None):
        why = "a line needs another run" if other is None else f"another run is for plane='line', not {plane!r}"
        raise FalllineError(f"{why}: landscape(run, other=run2) draws the line between two runs")
    if isinstance(dimensions, bool) or dimensions not in (1, 2):
        raise FalllineError(f"dimensions = {dimensions!r}: expected 1 or 2")
    count = SIZES[1 if plane == "line" else dimensions] if size is None else size
    if isinstance(count, bool) or not isinstance(count, int) or not 3 <= count <= 1001:
        raise FalllineError(f"size = {size!r} is not a number of points along an axis: expected 3 to 1001")
    if isinstance(span, bool) or not isinstance(span, int | float) or not 0 < span < math.inf:
        raise FalllineError(f"span = {span!r} is not a length of the axes: expected more than 0, such as 1")
    return count


def _line(network: NetworkOnRows, end: NetworkOnRows) -> Any:
    """The direction from one network to the other, running statistics included."""

    def form(tree: Any) -> Any:
        return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]

    if form(network.weights) != form(end.weights) or network.layers.names() != end.layers.names():
        raise FalllineError(
            f"the networks {name_of(network)} and {name_of(end)} have other layers: a line joins runs of one network"
        )
    if network.x.shape != end.x.shape or not np.allclose(network.x, end.x, atol=1e-5):
        raise FalllineError(
            "the two runs see other rows, or scale them in another way: train both on the same source and split (the same seed "
            "of the split)"
        )
    return difference(end.weights, network.weights)


def _of_training(
    network: NetworkOnRows, snapshots: Snapshots, dimensions: int
) -> tuple[tuple[Any, ...], Trajectory, tuple[float, ...]]:
    """The plane of a training's principal directions, through the network, and the training's path in it."""
    like = network.weights["params"]
    origin = to_vector(like)
    vectors = np.stack([to_vector(each["params"]) for each in snapshots.weights])
    along, shares = principal_directions(vectors)
    along, shares = along[:dimensions], shares[:dimensions]
    places, away = coordinates(vectors, origin, along)
    still = jax.tree.map(np.zeros_like, network.weights["stats"])
    axes = tuple({"params": to_params(each, like), "stats": still} for each in along)
    zero = np.zeros((1, 1))
    true = [network.measure(each, axes[:1], zero) for each in snapshots.weights]
    in_plane = network.measure(network.weights, axes, places)
    path = Trajectory(
        epochs=np.array(snapshots.epochs),
        places=np.pad(places, ((0, 0), (0, 2 - dimensions))),
        loss=np.array([float(each[0][0]) for each in true]),
        score=np.array([float(each[1][0]) for each in true]),
        loss_in_plane=in_plane[0],
        distance=away,
    )
    return axes, path, tuple(float(each) for each in shares)


def _around(values: Float[np.ndarray, " count"], count: int) -> Float[np.ndarray, " count"]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    room = max(MARGIN * (high - low), 1e-6)
    return np.linspace(low - room, high + room, count)
