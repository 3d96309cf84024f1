import threading
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from fallline.population.lanes import Layout
from fallline.population.precompile import precompiling
from fallline.population.programs import Beginning, Programs

LAYOUT = Layout(None, (), False, True)


class Recorded(Programs):
    """Programs whose layout has an `advance` that is only recorded; it waits until the body of the test has begun."""

    def __init__(self, error: Exception | None = None, kept: bool = False) -> None:
        super().__init__()
        self.error, self.kept, self.calls, self.inside = error, kept, [], threading.Event()

    def of(self, layout):
        return SimpleNamespace(
            start=SimpleNamespace(eval_shape=self.shapes, has=lambda *_: self.kept), advance=self.advanced
        )

    def shapes(self, own, *rest):
        return SimpleNamespace(), {}

    def advanced(self, own, common, arrays, rows, state, shared, until):
        assert self.inside.wait(10)
        self.calls.append((threading.current_thread(), int(until)))
        if self.error:
            raise self.error


@pytest.fixture(autouse=True)
def no_devices(monkeypatch):
    for name in ("place_lanes", "place_common"):
        monkeypatch.setattr(f"fallline.population.precompile.{name}", lambda tree: tree)
    monkeypatch.setattr("fallline.population.precompile._zeros", lambda leaf: leaf)


def beginning(lanes: int = 2) -> Beginning:
    return Beginning((jnp.zeros(lanes),), (), None, {}, None, np.zeros((lanes, 1), np.int32))


def test_a_new_program_is_called_once_in_a_second_thread_while_lanes_begin():
    programs = Recorded()
    with precompiling(programs, LAYOUT, beginning()):
        programs.inside.set()
    (call,) = programs.calls
    assert call[0] is not threading.current_thread()
    assert not call[0].is_alive()
    assert call[1] == 0  # no epoch is trained
    with precompiling(programs, LAYOUT, beginning()):
        pass
    assert len(programs.calls) == 1
    with precompiling(programs, LAYOUT, beginning(lanes=3)):  # other shapes are another program
        pass
    assert len(programs.calls) == 2


def test_nothing_is_compiled_beforehand_for_a_program_that_is_kept_on_disk():
    programs = Recorded(kept=True)
    with precompiling(programs, LAYOUT, beginning()):
        programs.inside.set()
    assert programs.calls == []


def test_errors_are_left_to_the_real_lanes():
    programs = Recorded(ValueError("too large"))
    with precompiling(programs, LAYOUT, beginning()):
        programs.inside.set()
    assert len(programs.calls) == 1
    programs = Recorded()
    with pytest.raises(KeyError), precompiling(programs, LAYOUT, beginning()):  # noqa: PT012
        programs.inside.set()
        raise KeyError
    assert not programs.calls[0][0].is_alive()
