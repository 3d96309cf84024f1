"""The sizes of programs: few, large enough, and on a GPU up to what its memory holds."""

import types

import pytest

from fallline.population import sizes
from fallline.population.evaluate import placed


@pytest.mark.parametrize(
    ("wanted", "otherwise", "expected"),
    [
        (1, 1, 1),
        (7, 64, 8),
        (60, 64, 64),
        (65, 1024, 128),
        (300, 1024, 512),
        (513, 1024, 1024),
        (90, 100, 100),
        (7, 7, 7),
    ],
)
def test_the_smallest_size_that_holds_the_lanes(wanted, otherwise, expected):
    assert sizes.smallest(wanted, otherwise) == expected


@pytest.mark.parametrize(
    ("lanes", "memory", "expected"), [(1, 8e10, 1), (100, 8e10, 128), (4096, 8e10, 1024), (4096, 1e6, None)]
)
def test_a_gpu_takes_as_many_lanes_as_its_memory_holds(job_of, rates, monkeypatch, lanes, memory, expected):
    card = types.SimpleNamespace(platform="gpu", memory_stats=lambda: {"bytes_limit": int(memory)})
    job = job_of(rates(1))
    arrays = placed(job.data, job.contexts, job.recipes[0])
    monkeypatch.setattr(sizes.jax, "devices", lambda *_: [card])
    found = sizes.lanes_per_device(job.recipes[0], arrays, lanes)
    if expected is None:
        each = sizes.lane_bytes(job.recipes[0], arrays)
        assert found * each <= memory / 2 < 2 * found * each
    else:
        assert found == expected
