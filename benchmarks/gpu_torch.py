"""The section `torch` of `gpu.py`: the same networks in PyTorch, in each of its ways to run a step."""

import functools
import itertools
import time

from gpu_process import LANE_ROWS, LANE_SHAPE, arguments, attempt, emit, flops, left, median, shapes, shares


def torch_network(torch, sizes, where):
    torch.manual_seed(0)
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).to(where)


def torch():
    try:
        import torch
    except ImportError:
        emit("torch", skipped="PyTorch is not installed")
        return
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if arguments.small:
        torch.set_num_threads(1)
    graph = ["CUDA graph"] * (where.type == "cuda")
    large = shapes()[-2:]
    plan = [(how, "high", shape) for how in ("eager", *graph) for shape in shapes()]
    plan += [(how, "highest", shape) for how in ("eager", *graph) for shape in large]
    plan += [("vmap", "high", lanes) for lanes in ((4,) if arguments.small else (256, 4096))]
    plan += [
        (how, "high", shape) for how in ("compiled", "compiled, reduce-overhead") for shape in large
    ]  # slow to begin
    for how, precision, what in plan:
        if left() < 5:
            emit("torch", skipped=how, what=str(what))
            continue
        torch.set_float32_matmul_precision(precision)
        if how == "vmap":
            attempt("torch", how, functools.partial(torch_ensemble, torch, where, what))
        else:
            attempt("torch", how, functools.partial(torch_case, torch, where, how, precision, *what))


def torch_case(torch, where, how, precision, sizes, count, batch):
    """Time one network in one way."""
    import one_run

    options = {"compiled": {}, "compiled, reduce-overhead": {"mode": "reduce-overhead"}, "CUDA graph": "graph"}.get(how)
    x, y = one_run.rows(sizes, count)
    features, target = torch.from_numpy(x).to(where), torch.from_numpy(y).long().to(where)
    seconds = torch_seconds(torch, where, sizes, batch, features, target, options)
    rate = flops(sizes, batch) / seconds
    emit(
        "torch", network="-".join(map(str, sizes)), batch=batch, how=how, products=precision, us_per_step=seconds * 1e6,
        gflops=rate / 1e9, **shares(rate),
    )  # fmt: skip


def synchronise(torch, where):
    if where.type == "cuda":
        torch.cuda.synchronize()


def torch_seconds(torch, where, sizes, batch, features, target, options):
    """Seconds per step of a plain loop, after a warm-up."""
    model = torch_network(torch, sizes, where)
    rule = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4, fused=True, capturable=where.type == "cuda")
    forward = torch.compile(model, **options) if isinstance(options, dict) else model

    def step(chosen):
        loss = torch.nn.functional.cross_entropy(forward(features[chosen]), target[chosen])
        rule.zero_grad()
        loss.backward()
        rule.step()

    one_step, rows = step, torch.zeros(batch, dtype=torch.long, device=where)
    if options == "graph":
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(rows)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(rows)

        def one_step(chosen):
            rows.copy_(chosen)
            graph.replay()

    whole = len(features) // batch * batch

    def epoch():
        for chosen in torch.randperm(len(features), device=where)[:whole].split(batch):
            one_step(chosen)

    def once():
        synchronise(torch, where)
        start = time.perf_counter()
        epochs = max(1, (20 if arguments.small else 300) * batch // whole)
        for _ in range(epochs):
            epoch()
        synchronise(torch, where)
        return (time.perf_counter() - start) / (epochs * whole // batch)

    epoch()
    return median(once, 3)


def torch_ensemble(torch, where, lanes):
    """The population's network, `lanes` times under vmap, with one Adam over the stacked parameters."""
    import population as them

    x, y = them.rows(LANE_SHAPE, 512 if arguments.small else LANE_ROWS)
    features, target = torch.from_numpy(x).to(where), torch.from_numpy(y).long().to(where)
    model = torch_network(torch, LANE_SHAPE, where)
    params = {
        name: value.detach().repeat(lanes, *[1] * value.ndim).requires_grad_()
        for name, value in model.named_parameters()
    }
    rule = torch.optim.Adam(list(params.values()), lr=1e-3, weight_decay=1e-4, fused=True)

    def loss_of(own, rows, labels):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(model, own, (rows,)), labels)

    losses = torch.func.vmap(loss_of, in_dims=(0, None, None))

    def once():
        synchronise(torch, where)
        start, steps = time.perf_counter(), 0
        for chosen in torch.randperm(len(features), device=where).split(them.BATCH):
            rule.zero_grad()
            losses(params, features[chosen], target[chosen]).sum().backward()
            rule.step()
            steps += 1
        synchronise(torch, where)
        return (time.perf_counter() - start) / steps

    once()
    seconds = median(once, 3)
    rate = flops(LANE_SHAPE, them.BATCH) * lanes / seconds
    memory = torch.cuda.max_memory_allocated() / 2**20 if where.type == "cuda" else 0.0
    emit(
        "torch", lanes=lanes, how="vmap", us_per_lane_and_step=seconds / lanes * 1e6, us_per_step=seconds * 1e6,
        gflops=rate / 1e9, **shares(rate), peak_megabytes=memory,
    )  # fmt: skip
