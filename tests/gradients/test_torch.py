"""PyTorch's functions, rules and modules by the same check."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from fallline.gradients import check_gradient, numerical_gradient  # noqa: E402


class Tanh(torch.autograd.Function):
    factor = 1.0

    @staticmethod
    def forward(ctx, x):
        y = torch.tanh(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return gradient * (1 - Tanh.factor * y**2)


def test_an_autograd_function(monkeypatch):
    x = torch.tensor([[0.3, 0.5], [1.0, 2.0]])
    assert check_gradient(Tanh.apply, x).right
    monkeypatch.setattr(Tanh, "factor", 1.01)
    check = check_gradient(Tanh.apply, x)
    assert check.arrays[0].faults == 4
    assert x.dtype == torch.float32


def test_a_module_in_both_modes_is_left_alone():
    torch.manual_seed(0)
    layers = torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Linear(6, 3)
    module = torch.nn.Sequential(*layers)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for mode in (True, False):
        check = check_gradient(module.train(mode), torch.randn(7, 4))
        assert check.right, check.verdict
        assert [each.name for each in check.arrays[:3]] == ["inputs.0", "parameters.0.bias", "parameters.0.weight"]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert layers[0].weight.dtype == torch.float32


def test_dropout_left_on_is_named():
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Dropout(0.5))
    assert check_gradient(module, torch.ones(3, 4)).outcome == "noisy"
    assert check_gradient(module.eval(), torch.ones(3, 4)).right


def test_a_function_of_tensors_and_its_gradient():
    f = lambda p: (p["w"] ** 3).sum() + p["b"].exp()  # noqa: E731
    x = {"w": torch.tensor([1.0, -2.0]), "b": torch.tensor(0.5)}
    found = numerical_gradient(f, x)
    np.testing.assert_allclose(found["w"], [3.0, 12.0], rtol=1e-8)
    planted = lambda p: {"w": 3 * p["w"] ** 2, "b": -p["b"].exp()}  # noqa: E731
    assert [each.name for each in check_gradient(f, x, planted).arrays if each.faults] == ["b"]
