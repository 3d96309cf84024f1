"""The landscape of a 784-128-10 network on 10,000 Fashion-MNIST rows, beside a plain loop over points in PyTorch.

    python benchmarks/landscape.py FOLDER [--size 101] [--points 200]

FOLDER is that of Fashion-MNIST. The loop in PyTorch sets the parameters of every point and evaluates all rows at once under
`torch.inference_mode`; it is measured on some of the points, and the time for all is computed from that. Both use the same
directions, rows and threads, and the losses of both are compared. PyTorch is needed for the second part only.
"""

import argparse
import json
import time

import numpy as np


def trained(folder):
    import fallline as fl

    table = fl.load(folder, test=0.0, valid=0.1)
    recipe = fl.Recipe(model=fl.MLP((128,)), encoding=None, batch_size=256, epochs=3)
    return fl.train(recipe, table)


def ours(run, size):
    import fallline as fl

    fl.lab.landscape(run, size=3, sharpness=False)  # reads and scales the rows once
    began = time.perf_counter()
    found = fl.lab.landscape(run, size=size, sharpness=False)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    fl.lab.landscape(run, size=3)
    return found, seconds, time.perf_counter() - began


def theirs(run, found, count):
    """(seconds per point, largest relative difference of the losses)."""
    import torch

    from fallline.doctor.case import case_of
    from fallline.lab.directions import random_direction
    from fallline.lab.network import network_on

    network = network_on(case_of(run))
    axes = [random_direction(network.layers, network.weights, i)["params"] for i in range(2)]
    places = [(layer, part) for layer in ("dense_1", "dense_2") for part in ("weight", "bias")]

    def tensors(tree):
        held = [np.asarray(tree[layer][part]) for layer, part in places]
        return [torch.from_numpy(np.array(each.T if each.ndim == 2 else each)) for each in held]

    net = torch.nn.Sequential(torch.nn.Linear(network.x.shape[1], 128), torch.nn.ReLU(), torch.nn.Linear(128, 10))
    base, u, v = tensors(network.weights["params"]), *map(tensors, axes)
    x, y = torch.from_numpy(np.array(network.x)), torch.from_numpy(np.array(network.y, np.int64))
    chosen = np.linspace(0, found.loss.size - 1, count).astype(int)
    a, b = (each.ravel()[chosen] for each in np.meshgrid(found.x, found.y))
    losses = np.zeros(count)
    with torch.inference_mode():
        for i in range(-3, count):  # the first three only warm up
            if i == 0:
                began = time.perf_counter()
            for p, w, d, e in zip(net.parameters(), base, u, v, strict=True):
                p.copy_(w + float(a[i]) * d + float(b[i]) * e)
            z = net(x)
            losses[i] = torch.nn.functional.cross_entropy(z, y).item()
            (z.argmax(dim=1) == y).float().mean().item()
    seconds = (time.perf_counter() - began) / count
    return seconds, float(np.abs(losses / found.loss.ravel()[chosen] - 1).max()), torch.get_num_threads()


def main():
    given = argparse.ArgumentParser()
    given.add_argument("folder")
    given.add_argument("--size", type=int, default=101)
    given.add_argument("--points", type=int, default=200)
    given = given.parse_args()
    run = trained(given.folder)
    found, seconds, sharp = ours(run, given.size)
    said = {"network": found.name, "rows": found.rows, "points": found.loss.size, "seconds": round(seconds, 2)}
    said["seconds_of_sharpness"] = round(sharp, 2)
    try:
        each, difference, threads = theirs(run, found, given.points)
    except ImportError:
        print(json.dumps(said))
        return
    said |= {
        "torch_seconds": round(each * found.loss.size, 1),
        "torch_measured_points": given.points,
        "torch_threads": threads,
    }
    said |= {"times_faster": round(each * found.loss.size / seconds, 1), "largest_relative_difference": difference}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
