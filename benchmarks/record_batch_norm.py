"""Writes PyTorch's batch and layer normalisation numbers to `tests/blocks/normalisation.json`.

It needs PyTorch, unlike the product and its tests: `python benchmarks/record_batch_norm.py`.
"""

import json
from pathlib import Path

import numpy as np
import torch

FILE = Path(__file__).parents[1] / "tests" / "blocks" / "normalisation.json"


def main() -> None:
    """Inputs, outputs, gradients and running statistics, in float64."""
    rng = np.random.default_rng(7)
    batches = [np.round(rng.normal([1, -20, 0.5], [2, 5, 0.1], (4, 3)), 3) for _ in range(3)]
    scale, shift, weights = [1.5, 0.5, -2.0], [0.1, 0.0, 3.0], np.round(rng.normal(size=(4, 3)), 3)
    found = {"torch": torch.__version__, "epsilon": 1e-3, "momentum": 0.8, "scale": scale, "shift": shift}
    found |= {"batches": [each.tolist() for each in batches], "weights": weights.tolist()}
    batch, layer = torch.nn.BatchNorm1d(3, eps=1e-3, momentum=0.2), torch.nn.LayerNorm(3, eps=1e-3)
    for name, module in (("batch", batch.double()), ("layer", layer.double())):
        with torch.no_grad():
            module.weight.copy_(torch.tensor(scale, dtype=torch.float64))
            module.bias.copy_(torch.tensor(shift, dtype=torch.float64))
        outputs = []
        for each in batches:
            x = torch.tensor(each, requires_grad=True)
            module.zero_grad()
            y = module(x)
            (y * torch.tensor(weights)).sum().backward()
            outputs.append(y.tolist())
        slopes = {"x": x.grad.tolist(), "scale": module.weight.grad.tolist(), "shift": module.bias.grad.tolist()}
        found[name] = {"outputs": outputs, "last_gradient": slopes}
    found["batch"] |= {"mean": batch.running_mean.tolist(), "variance": batch.running_var.tolist()}
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
