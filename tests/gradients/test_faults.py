"""Planted faults in hand-written gradients of real formulas: all found, each in its place, and none where all is right.

Every formula is NumPy: a function, a point, its gradient, and wrong gradients with the arrays that they are wrong in.
"""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest

from fallline.gradients import check_gradient

RNG = np.random.default_rng(0)
N = 5  # rows, and the width of what is square: a missing transpose keeps the shape
X = RNG.normal(size=(N, N))
T = RNG.normal(size=(N, N))
LABELS = RNG.integers(0, N, N)
ONE_HOT = np.eye(N)[LABELS]


@dataclasses.dataclass
class Formula:
    f: Callable
    x: dict
    gradient: Callable
    faults: dict


FORMULAS: dict[str, Formula] = {}


def formula(x, **faults):
    """Register a function with attributes: the gradient is its second return value; a fault changes that."""

    def register(pair):
        f = lambda p: pair(p)[0]  # noqa: E731
        right = lambda p: pair(p)[1]  # noqa: E731
        FORMULAS[pair.__name__] = Formula(f, x, right, faults)
        return pair

    return register


def swap(**changes):
    """A fault: some arrays of the right gradient replaced; returns (change, the arrays)."""
    return lambda p, g: {**g, **{name: change(p, g) for name, change in changes.items()}}, set(changes)


def point(*shapes, **named):
    return {name: 0.7 * RNG.normal(size=shape) for name, shape in named.items()}


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@formula(
    point(w=(N, N), b=(N,)),
    forgotten_mean=swap(w=lambda p, g: N * g["w"], b=lambda p, g: N * g["b"]),
    forgotten_two=swap(w=lambda p, g: g["w"] / 2, b=lambda p, g: g["b"] / 2),
    wrong_sign=swap(w=lambda p, g: -g["w"]),
    missing_transpose=swap(w=lambda p, g: X @ (2 * (X @ p["w"] + p["b"] - T) / N)),
    bias_over_the_wrong_axis=swap(b=lambda p, g: (2 * (X @ p["w"] + p["b"] - T) / N).sum(axis=1)),
    bias_not_summed=swap(b=lambda p, g: (2 * (X @ p["w"] + p["b"] - T) / N)[0]),
    mean_over_all=swap(w=lambda p, g: g["w"] / N, b=lambda p, g: g["b"] / N),
    off_by_one_row=swap(w=lambda p, g: np.roll(g["w"], 1, axis=0)),
)
def squared_error(p):
    d = X @ p["w"] + p["b"] - T
    return np.sum(np.square(d)) / N, {"w": X.T @ (2 * d / N), "b": (2 * d / N).sum(axis=0)}


@formula(
    point(w=(N,), b=()),
    labels_and_odds_swapped=swap(w=lambda p, g: -g["w"], b=lambda p, g: -g["b"]),
    bias_forgotten=swap(b=lambda p, g: np.zeros(())),
    slope_of_the_sigmoid_twice=swap(
        w=lambda p, g: X.T @ ((sigmoid(z := X @ p["w"] + p["b"]) - LABELS % 2) * sigmoid(z) * (1 - sigmoid(z))) / N,
    ),
)
def logistic(p):
    z, y = X @ p["w"] + p["b"], LABELS % 2
    return np.mean(np.logaddexp(0, z) - y * z), {"w": X.T @ (sigmoid(z) - y) / N, "b": np.mean(sigmoid(z) - y)}


def _softmax_without_cross_terms(p, g):
    s = softmax(X @ p["w"])
    return X.T @ (-ONE_HOT / s * s * (1 - s)) / N


@formula(
    point(w=(N, N)),
    without_cross_terms=swap(w=_softmax_without_cross_terms),
    labels_shifted=swap(w=lambda p, g: X.T @ (softmax(X @ p["w"]) - np.roll(ONE_HOT, 1, axis=1)) / N),
    softmax_over_rows=swap(w=lambda p, g: X.T @ (softmax((X @ p["w"]).T).T - ONE_HOT) / N),
)
def cross_entropy(p):
    s = softmax(X @ p["w"])
    return -np.mean(np.log(s[np.arange(N), LABELS])), {"w": X.T @ (s - ONE_HOT) / N}


def _tanh_back(p, slope=lambda z, a: 1 - a**2, through=lambda w: w.T):
    z = X @ p["u"] + p["b"]
    a = np.tanh(z)
    d = 2 * (a @ p["v"] - T) / N
    back = (d @ through(p["v"])) * slope(z, a)
    return {"u": X.T @ back, "b": back.sum(axis=0), "v": a.T @ d}


@formula(
    point(u=(N, N), b=(N,), v=(N, N)),
    slope_of_the_wrong_variable=(lambda p, g: _tanh_back(p, lambda z, a: 1 - z**2), {"u", "b"}),
    slope_not_squared=(lambda p, g: _tanh_back(p, lambda z, a: 1 - a), {"u", "b"}),
    no_slope=(lambda p, g: _tanh_back(p, lambda z, a: 1.0), {"u", "b"}),
    weights_not_transposed=(lambda p, g: _tanh_back(p, through=lambda w: w), {"u", "b"}),
    layers_swapped=swap(u=lambda p, g: g["v"], v=lambda p, g: g["u"]),
    transposed=swap(v=lambda p, g: g["v"].T),
)
def tanh_network(p):
    d = np.tanh(X @ p["u"] + p["b"]) @ p["v"] - T
    return np.sum(d**2) / N, _tanh_back(p)


@formula(
    point(u=(N, N), v=(N, N)),
    gate_forgotten=swap(u=lambda p, g: X.T @ (2 * (np.maximum(X @ p["u"], 0) @ p["v"] - T) @ p["v"].T)),
    gate_turned=swap(
        u=lambda p, g: X.T @ ((2 * (np.maximum(X @ p["u"], 0) @ p["v"] - T) @ p["v"].T) * (X @ p["u"] < 0))
    ),
    gate_of_the_input=swap(u=lambda p, g: X.T @ ((2 * (np.maximum(X @ p["u"], 0) @ p["v"] - T) @ p["v"].T) * (X > 0))),
)
def relu_network(p):
    z = X @ p["u"]
    a = np.maximum(z, 0)
    d = 2 * (a @ p["v"] - T)
    return np.sum(d**2) / 4, {"u": X.T @ ((d @ p["v"].T) * (z > 0)), "v": a.T @ d}


@formula(
    point(w=(N, N), b=(N,)),
    twice=swap(w=lambda p, g: 0.2 * p["w"] + np.cos(p["w"])),
    on_the_bias_too=swap(b=lambda p, g: g["b"] + 0.1 * p["b"]),
    forgotten=swap(w=lambda p, g: np.cos(p["w"])),
)
def l2_penalty(p):
    g = {"w": np.cos(p["w"]) + 0.1 * p["w"], "b": np.cos(p["b"])}
    return np.sum(np.sin(p["w"])) + np.sum(np.sin(p["b"])) + 0.05 * np.sum(p["w"] ** 2), g


@formula(point(w=(4,)), without_sign=swap(w=lambda p, g: 0.3 * np.ones(4)), as_l2=swap(w=lambda p, g: 0.3 * p["w"]))
def l1_penalty(p):
    return 0.3 * np.sum(np.abs(p["w"])), {"w": 0.3 * np.sign(p["w"])}


def _batch_norm(p, axis=0, variance=True, mean=True, hat=True):
    mu, size = p["x"].mean(axis=axis, keepdims=True), p["x"].shape[axis]
    s = np.sqrt(np.mean((p["x"] - mu) ** 2, axis=axis, keepdims=True) + 1e-3)
    h = (p["x"] - mu) / s
    d = T[:, :4]
    dh = d * p["scale"]
    dx = dh
    if mean:
        dx = dx - dh.mean(axis=axis, keepdims=True)
    if variance:
        dx = dx - h * (dh * h).sum(axis=axis, keepdims=True) / size
    g = {"x": dx / s, "scale": (d * (h if hat else p["x"])).sum(axis=0), "shift": d.sum(axis=0)}
    return np.sum(d * (p["scale"] * h + p["shift"])), g


@formula(
    point(x=(N, 4), scale=(4,), shift=(4,)),
    without_the_variance_path=(lambda p, g: _batch_norm(p, variance=False)[1], {"x"}),
    without_the_mean_path=(lambda p, g: _batch_norm(p, mean=False)[1], {"x"}),
    scale_by_the_input=(lambda p, g: _batch_norm(p, hat=False)[1], {"scale"}),
    normalised_over_units=(lambda p, g: {**g, "x": _batch_norm(p, axis=1)[1]["x"]}, {"x"}),
)
def batch_norm(p):
    return _batch_norm(p)


@formula(
    point(x=(N, 4), scale=(4,), shift=(4,)),
    without_the_variance_path=(lambda p, g: {**g, "x": _batch_norm(p, axis=1, variance=False)[1]["x"]}, {"x"}),
)
def layer_norm(p):
    return _batch_norm(p, axis=1)


@formula(
    point(z=(6,)),
    delta_forgotten=swap(z=lambda p, g: np.where(np.abs(p["z"]) < 0.5, p["z"], np.sign(p["z"]))),
    never_cut=swap(z=lambda p, g: p["z"]),
)
def huber(p):
    d, near = p["z"], np.clip(p["z"], -0.5, 0.5)
    return np.sum(near * (d - near / 2)), {"z": near}


@formula(
    {"z": 2 * X[:, :3]},
    never_satisfied=swap(z=lambda p, g: -(2 * (T[:, :3] > 0) - 1.0)),
    without_the_margin=swap(z=lambda p, g: -(2 * (T[:, :3] > 0) - 1.0) * ((2 * (T[:, :3] > 0) - 1) * p["z"] < 0)),
)
def hinge(p):
    y = 2 * (T[:, :3] > 0) - 1.0
    return np.sum(np.maximum(0, 1 - y * p["z"])), {"z": -y * (y * p["z"] < 1)}


@formula(point(x=(3, 4)), to_all=swap(x=lambda p, g: np.ones((3, 4))))
def max_pool(p):
    return np.sum(np.max(p["x"], axis=1)), {"x": (p["x"] == p["x"].max(axis=1, keepdims=True)) * 1.0}


@formula(
    point(k=(3,)),
    kernel_flipped=swap(k=lambda p, g: g["k"][::-1]),
)
def convolution(p):
    y = np.convolve(X[0], p["k"], mode="valid")
    return np.sum(y**2) / 2, {"k": np.array([y @ X[0][2 - i : 5 - i] for i in range(3)])}


@formula(point(e=(4, 2)), overwritten_instead_of_added=swap(e=lambda p, g: _embedding(p, add=False)))
def embedding(p):
    return np.sum(np.sin(p["e"][[0, 1, 1, 3]]) * T[:4, :2]), _embedding(p)


def _embedding(p, add=True):
    g = np.zeros((4, 2))
    for row, index in enumerate([0, 1, 1, 3]):
        g[index] = (g[index] if add else 0) + np.cos(p["e"][index]) * T[row, :2]
    return {"e": g} if add else g


def _attention(p, scale=True):
    z = p["q"] @ X[:, :3].T / np.sqrt(3)
    s = softmax(z)
    ds = T[:2] @ T.T
    dz = s * (ds - (ds * s).sum(axis=1, keepdims=True))
    return np.sum(T[:2] * (s @ T)), {"q": dz @ X[:, :3] / (np.sqrt(3) if scale else 1)}


@formula(point(q=(2, 3)), scale_forgotten=(lambda p, g: _attention(p, scale=False)[1], {"q"}))
def attention(p):
    return _attention(p)


def _recurrent(p, steps=N):
    h = [np.zeros(3)]
    for t in range(N):
        h.append(np.tanh(p["w"] @ h[-1] + X[t, :3]))
    back, g = 2 * h[-1], np.zeros((3, 3))
    for t in reversed(range(N - steps, N)):
        back = back * (1 - h[t + 1] ** 2)
        g += np.outer(back, h[t])
        back = p["w"].T @ back
    return h[-1] @ h[-1], {"w": g}


@formula(point(w=(3, 3)), cut_off_after_one_step=(lambda p, g: _recurrent(p, steps=1)[1], {"w"}))
def recurrent(p):
    return _recurrent(p)


@formula(point(x=(N,)), share_forgotten=swap(x=lambda p, g: 0.8 * g["x"]))
def fixed_dropout(p):
    mask = (T[0] > -0.3) / 0.8
    return np.sum(np.exp(p["x"] * mask)), {"x": mask * np.exp(p["x"] * mask)}


@formula(point(mu=(3,), s=(3,)), spread_not_divided=swap(s=lambda p, g: 1 - (T[0, :3] - p["mu"]) ** 2))
def gaussian_likelihood(p):
    d = (T[0, :3] - p["mu"]) / np.exp(p["s"])
    return np.sum(p["s"] + d**2 / 2), {"mu": -d / np.exp(p["s"]), "s": 1 - d**2}


@formula(point(a=(4,)), length_held_fixed=swap(a=lambda p, g: T[0, :4] / np.linalg.norm(p["a"])))
def cosine_similarity(p):
    a, n = p["a"], np.linalg.norm(p["a"])
    return T[0, :4] @ a / n, {"a": T[0, :4] / n - a * (T[0, :4] @ a) / n**3}


@formula(point(x=(N,)), as_if_symmetric=swap(x=lambda p, g: 2 * X @ p["x"]))
def quadratic_form(p):
    return np.dot(p["x"], np.dot(X, p["x"])), {"x": (X + X.T) @ p["x"]}


@formula(point(x=(3,)), power_not_lowered=swap(x=lambda p, g: 3 * p["x"] ** 3))
def cubes(p):
    return np.sum(np.power(p["x"], 3)), {"x": 3 * p["x"] ** 2}


FAULTS = [(name, fault) for name, each in FORMULAS.items() for fault in each.faults]


def test_there_are_enough_of_them():
    assert len(FAULTS) >= 25


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_planted_fault_is_found_in_its_place(name, fault):
    case = FORMULAS[name]
    change, arrays = case.faults[fault]
    check = check_gradient(case.f, case.x, lambda p: change(p, case.gradient(p)))
    assert check.outcome == "wrong"
    assert {each.name for each in check.arrays if each.faults} == arrays
    right, planted = case.gradient(case.x), change(case.x, case.gradient(case.x))
    for each in check.arrays:
        # Every coordinate that differs by a thousandth of itself is named, and no other.
        a, b = (np.asarray(g[each.name], float).reshape(-1) for g in (right, planted))
        assert {int(i) for i in np.flatnonzero(each.status == 2)} == set(np.flatnonzero(~np.isclose(a, b, 1e-6, 1e-9)))


@pytest.mark.parametrize("name", FORMULAS)
def test_no_alarm_where_the_gradient_is_right(name):
    check = check_gradient(FORMULAS[name].f, FORMULAS[name].x, FORMULAS[name].gradient)
    assert check.right, check.verdict


def test_one_percent_in_one_coordinate_of_a_hundred_thousand():
    x = np.linspace(-1.0, 1.0, 100_000)
    planted = x.copy()
    planted[77_777] *= 1.01
    check = check_gradient(lambda w: 0.5 * jnp.vdot(w, w), x, planted)
    assert [each.index for each in check.wrong()] == [(77_777,)]
    assert check.share == 1.0


# Kinks: f is 0 on one side of `at` and steep on the other; x stands at it, and at every distance from it.
KINKED = {
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0) * 1.0),
    "absolute": (np.abs, np.sign),
    "leaky": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01)),
    "hinge": (lambda x: np.maximum(0, 1 - (x + 1)), lambda x: -1.0 * (x < 0)),
    "pinball": (lambda x: np.where(x > 0, 0.9 * x, -0.1 * x), lambda x: np.where(x > 0, 0.9, -0.1)),
    "largest": (lambda x: np.maximum(np.sin(x), np.cos(x) - 1), lambda x: np.where(x >= 0, np.cos(x), -np.sin(x))),
}
DISTANCES = (0.0, 1e-14, -1e-11, 1e-9, -1e-8, 1e-7, -1e-6, 4e-6, -1e-5, 1e-4, -0.01)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("name", KINKED)
def test_no_alarm_at_a_kink_or_near_it(name, distance):
    f, slope = KINKED[name]
    x = np.array([distance, 0.7, -0.6])
    check = check_gradient(lambda x: np.sum(np.exp(f(x))), x, lambda x: np.exp(f(x)) * slope(x))
    assert check.right, check.verdict
    if abs(distance) < 1e-6:
        assert check.arrays[0].status.tolist() == [1, 0, 0]
    if abs(distance) > 1e-3:
        assert check.kinks == 0


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("name", KINKED)
def test_a_slope_that_no_side_has_is_wrong_even_at_a_kink(name, distance):
    f, slope = KINKED[name]
    x = np.array([distance, 0.7, -0.6])
    planted = np.exp(f(x)) * slope(x) + np.array([1.7, 0, 0])
    check = check_gradient(lambda x: np.sum(np.exp(f(x))), x, planted)
    assert check.arrays[0].status.tolist()[0] == 2, check.verdict


def test_any_slope_between_the_sides_of_a_kink_is_right():
    for slope, expected in ((-1.0, True), (-0.3, True), (0.5, True), (1.0, True), (1.001, False), (-1.001, False)):
        check = check_gradient(lambda x: np.abs(x), 0.0, slope)
        assert check.right is expected, slope
