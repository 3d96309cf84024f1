"""Both kinds of workers keep one contract: every item's result once, whatever happens to who works on it."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fallline.core.errors import FalllineError
from fallline.workers.cluster import Ray
from fallline.workers.pool import Event, Workers, finished
from fallline.workers.processes import Processes

# What the workers do stands in a module of its own, which they can import: die and hang once, then square.
DEEDS = """
import os, signal, time
from pathlib import Path
from fallline.core.errors import FalllineError

def deed(folder, item):
    number, what = item
    mark = Path(folder) / f"{number}"
    first = not mark.exists()
    with mark.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    if what == "killed" and first:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "always killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hangs" and first:
        time.sleep(600)
    if what == "refused":
        raise FalllineError("this cannot be trained")
    if what == "fails":
        raise ZeroDivisionError("by zero")
    return number**2
"""


@pytest.fixture(scope="module")
def deed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deeds")
    (folder / "deeds_of_workers.py").write_text(DEEDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        import deeds_of_workers

        yield deeds_of_workers.deed


def every_item_ends_once_and_what_was_killed_or_hung_is_done_again(workers: Workers, marks: Path) -> None:
    items = [(0, ""), (1, "killed"), (2, ""), (3, "hangs"), (4, "killed"), (5, "")]
    assert sorted(finished(workers, items, limit=1.0)) == [(n, n * n) for n in range(6)]
    tries = {number: len((marks / f"{number}").read_text().split()) for number in range(6)}
    assert tries == {0: 1, 1: 2, 2: 1, 3: 2, 4: 2, 5: 1}


def a_refusal_ends_the_work_with_its_sentence(workers: Workers, marks: Path) -> None:
    with pytest.raises(FalllineError, match="this cannot be trained"):
        list(finished(workers, [(6, "refused")]))


def what_a_worker_raises_is_raised(workers: Workers, marks: Path) -> None:
    with pytest.raises((ZeroDivisionError, RuntimeError), match="by zero"):
        list(finished(workers, [(7, "fails")]))


def nothing_begins_once_it_is_to_stop(workers: Workers, marks: Path) -> None:
    assert list(finished(workers, [(8, ""), (9, "")], stop=lambda: True)) == []
    assert not (marks / "8").exists()


CONTRACT = [
    every_item_ends_once_and_what_was_killed_or_hung_is_done_again,
    a_refusal_ends_the_work_with_its_sentence,
    what_a_worker_raises_is_raised,
    nothing_begins_once_it_is_to_stop,
]


@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.__name__)
def test_processes_keep_the_contract(clause, deed, tmp_path):
    with Processes(deed, str(tmp_path), count=2) as workers:
        clause(workers, tmp_path)


def test_ray_keeps_the_contract(deed, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    with Ray(deed, str(tmp_path)) as workers:  # all of it at once: a cluster takes seconds to begin
        for clause in CONTRACT:
            clause(workers, tmp_path)


@pytest.mark.parametrize("given", [None, "true"])
def test_a_worker_leaves_a_gpus_memory_to_the_others_unless_told_otherwise(monkeypatch, given):
    name = "XLA_PYTHON_CLIENT_PREALLOCATE"
    monkeypatch.delenv(name, raising=False) if given is None else monkeypatch.setenv(name, given)
    with Processes(os.getenv, name, count=1) as workers:
        assert list(finished(workers, ["unset"])) == [(0, given or "false")]


def test_an_address_that_no_cluster_has_is_named():
    pytest.importorskip("ray")
    with pytest.raises(FalllineError, match="is a client's: expected HOST:PORT"):
        Ray(max, 0, "ray://nowhere:10001")


def test_what_kills_its_workers_again_and_again_is_named(deed, tmp_path):
    sentence = "was lost 5 times, the last time because its process ended with code -9"
    with Processes(deed, str(tmp_path), count=1) as workers, pytest.raises(FalllineError, match=sentence):
        list(finished(workers, [(0, "always killed")]))
    assert len((tmp_path / "0").read_text().split()) == 5


def test_an_idle_worker_that_dies_is_replaced_and_none_outlives_its_pool(deed, tmp_path):
    with Processes(deed, str(tmp_path), count=1) as workers:
        assert list(finished(workers, [(0, "")])) == [(0, 0)]
        (process,) = workers.processes
        os.kill(process.process.pid, signal.SIGKILL)
        process.process.wait()
        assert list(finished(workers, [(1, "")])) == [(0, 1)]
        for _ in finished(workers, [(2, ""), (3, "hangs")]):
            break  # leaving the loop ends what runs
    left = (tmp_path / "3").read_text().split() if (tmp_path / "3").exists() else []
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{each}").exists() for each in left) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(Path(f"/proc/{each}").exists() for each in left)


@pytest.mark.parametrize("end", ["killed", "hangs"])
def test_what_a_worker_held_ahead_is_done_by_another_and_once(deed, tmp_path, end):
    with Processes(deed, str(tmp_path), count=1) as workers:
        assert workers.slots() + workers.ahead == 2
        first, second = workers.start((0, end)), workers.start((1, ""))
        held, seen = [first, second], []
        while second in held:
            for event in workers.events(held, 10.0):
                seen.append(event)
                if event.ticket is first and (event.kind == "lost" or end == "hangs"):
                    workers.kill(first)
                    held.remove(first)
                if event.kind == "done":
                    held.remove(second)
        ended = [] if end == "hangs" else [(first, "lost", "its process ended with code -9")]
        assert seen == [(first, "begun", None), *ended, (second, "begun", None), (second, "done", 1)]
        assert len((tmp_path / "1").read_text().split()) == 1
        assert len(workers.processes) == 1


def test_waiting_for_a_worker_is_not_hanging(deed, tmp_path):
    class Slow(Workers):
        """Begins its tickets 3 looks after they were handed over."""

        looks = 0

        def slots(self):
            return 2

        def start(self, item):
            return item

        def events(self, tickets, timeout):
            time.sleep(0.02)
            self.looks += 1
            if self.looks < 4:
                return []
            kind = "begun" if self.looks < 6 else "done"
            return [Event(each, kind, each) for each in tickets]

        def kill(self, ticket):
            raise AssertionError("nothing hangs")

        def close(self):
            pass

    assert list(finished(Slow(), [5, 6], limit=0.05)) == [(0, 5), (1, 6)]
