"""A study must be complete after its processes are killed, its workers die or its disk is full.

    python benchmarks/faults.py driver               SIGKILL of the process at 20 random moments of one study
    python benchmarks/faults.py two                  two processes on one study, one of them killed 20 times
    python benchmarks/faults.py ray                  SIGKILL of Ray workers at 20 random moments
    python benchmarks/faults.py node                 a Ray node that is lost during work, and one that joins
    python benchmarks/faults.py disk FOLDER          a file system that is full at 20 random moments; FOLDER is on a small one
    python benchmarks/faults.py runs [COMMAND]       train, tune and ars: killed, stopped, disks full and read-only, folders lost,
                                                     two writers (benchmarks/interrupted.py)
    python benchmarks/faults.py two --study URL      the same on a server: an empty PostgreSQL database

Each part compares the result with the undisturbed study: the points and the scores of all trials, bit for bit. A trial that was
finished before a kill must have the same row at the end, including its time, which shows that it was not trained twice.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import fallline as fl
from fallline.searching.store import Store

TRIALS, BATCH, FOLDS = 96, 8, 2
MARK = "FALLLINE_FAULTS"  # environment variable that marks all processes of one study, undisturbed or disturbed


def study(where: str, name: str, strategy: fl.TPE | fl.Sobol, ray: bool | str = False) -> fl.Study:
    """The study used in every part: small networks, so that there are many moments between two trials."""
    space = fl.replace(
        fl.Recipe(model=fl.MLP(hidden=(32,)), epochs=40, patience=None, batch_size=32),
        {"optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1), "model.dropout": fl.Uniform(0, 0.5)},
    )
    data = fl.load("sklearn:breast_cancer")
    options = {"folds": FOLDS, "batch": BATCH * (4 if ray else 1), "strategy": strategy, "seed": 1}
    # Long enough that the process that replaces a killed one still finds work.
    trials = TRIALS * (2 if ray else 16 if isinstance(strategy, fl.Sobol) else 1)
    return fl.search(space, data, trials=trials, study=where, name=name, ray=ray, limit=60, **options)


def child(where: str, name: str, kind: str, mark: str = "") -> subprocess.Popen:
    """Start a process that works on a study until its end."""
    words = [sys.executable, __file__, "work", "--study", where, "--name", name, "--kind", kind]
    return subprocess.Popen(words, env={**os.environ, MARK: mark}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def rows(where: str, name: str) -> dict[int, tuple]:
    """Every judged trial: point, outcome, score, seconds."""
    store = Store(where, name)
    try:
        if store.described() is None:
            return {}
        store.begin(0, {})
        found = {row.number: (row.point, row.outcome, row.score, row.seconds) for row in store.rows() if row.outcome}
    finally:
        store.engine.dispose()
    return found


def wait_for_work(where: str, name: str, worker: subprocess.Popen) -> None:
    """Wait until a process has reserved trials, or has nothing left to do."""
    store = Store(where, name)
    while worker.poll() is None:
        if store.described() is not None:
            store.begin(0, {})
            if any(f" {worker.pid} " in (row.owner or "") for row in store.rows()):
                break
        time.sleep(0.05)
    store.engine.dispose()


def told(what: str, where: str, name: str, seen: list[dict[int, tuple]], faults: int, began: float) -> None:
    """Compare with the undisturbed study and print the result; any difference is an error."""
    found, whole = rows(where, name), rows(where, f"{name} undisturbed")
    lost = sorted(set(whole) - set(found))
    again = sum(found.get(n) != row for each in seen for n, row in each.items())
    points = [n for n in whole if n in found and found[n][0] != whole[n][0]]
    scores = [n for n in whole if n in found and found[n][1:3] != whole[n][1:3]]
    best = [min((row[2], n) for n, row in each.items() if row[2] is not None) for each in (found, whole)]
    document = {
        "what": what,
        "faults": faults,
        "trials": len(found),
        "lost": lost,
        "repeated": again,
        "seen": len(seen),
    }
    document |= {"points differ": len(points), "scores differ": len(scores), "same best": best[0] == best[1]}
    print(json.dumps(document | {"best": best[0], "seconds": round(time.perf_counter() - began, 1)}), flush=True)
    if lost or again or points or scores or best[0] != best[1]:
        sys.exit(1)


def killed_driver(where: str, name: str, faults: int, kind: str = "tpe") -> None:
    """One study, whose process is killed again and again, at random moments within the duration of a few batches."""
    began, seen = time.perf_counter(), []
    assert child(where, f"{name} undisturbed", kind).wait() == 0
    draw = random.Random(0)
    for _ in range(faults):
        worker = child(where, name, kind)
        wait_for_work(where, name, worker)
        time.sleep(draw.uniform(0, 1.5))
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        seen.append(rows(where, name))
    assert child(where, name, kind).wait() == 0
    told("driver killed", where, name, seen, faults, began)


def two(where: str, name: str, faults: int) -> None:
    """Two processes on one study; one of them is killed again and again and replaced by a new one."""
    began, seen = time.perf_counter(), []
    assert child(where, f"{name} undisturbed", "sobol").wait() == 0
    draw, killed = random.Random(0), 0
    steady, other = child(where, name, "sobol"), child(where, name, "sobol")
    while steady.poll() is None and killed < faults:
        wait_for_work(where, name, other)
        time.sleep(draw.uniform(0, 1))
        if steady.poll() is None:
            other.send_signal(signal.SIGKILL)
            killed += other.wait() == -signal.SIGKILL
            seen.append(rows(where, name))
            other = child(where, name, "sobol")
    assert (steady.wait(), other.wait()) == (0, 0)
    told("one of two killed", where, name, seen, killed, began)


def workers_of(mark: str) -> list[int]:
    """The Ray worker processes of one study."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if b"ray::_work" in (each / "cmdline").read_bytes() and mark.encode() in (each / "environ").read_bytes():
                found.append(int(each.name))
        except OSError:
            continue
    return found


def killed_workers(where: str, name: str, faults: int) -> None:
    """Ray workers are killed while they work; the driver survives."""
    began, seen, mark = time.perf_counter(), [], uuid.uuid4().hex
    assert child(where, f"{name} undisturbed", "ray").wait() == 0
    draw, killed = random.Random(0), 0
    driver = child(where, name, "ray", mark)
    while driver.poll() is None and killed < faults:
        # Workers must sometimes live until the end of a piece, since a piece that is lost five times is given up.
        time.sleep(draw.uniform(0, 6))
        if busy := workers_of(mark):
            os.kill(draw.choice(busy), signal.SIGKILL)
            killed += 1
            seen.append(rows(where, name))
    assert driver.wait() == 0, driver.stderr.read().decode()  # type: ignore[union-attr]
    told("Ray workers killed", where, name, seen, killed, began)


def lost_node(where: str, name: str) -> None:
    """A node that disappears without notice while it works, and another that joins."""
    from ray.cluster_utils import Cluster

    began = time.perf_counter()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    first = cluster.add_node(num_cpus=1)
    study(where, f"{name} undisturbed", fl.TPE(), ray=cluster.address)
    driver = subprocess.Popen(
        [
            sys.executable,
            __file__,
            "work",
            "--study",
            where,
            "--name",
            name,
            "--kind",
            "ray",
            "--address",
            cluster.address,
        ]
    )
    while len(rows(where, name)) < TRIALS // 4:
        time.sleep(0.2)
    seen = [rows(where, name)]
    cluster.remove_node(first, allow_graceful=False)
    while len(rows(where, name)) < TRIALS // 2:
        time.sleep(0.2)
    cluster.add_node(num_cpus=1)
    assert driver.wait() == 0
    told("a Ray node lost", where, name, seen, 1, began)
    cluster.shutdown()


def full_disk(folder: Path, faults: int) -> None:
    """Fill the study's file system at random moments; the process must continue elsewhere and say so; then make room."""
    began, seen, where = time.perf_counter(), [], str(folder / "faults.db")
    assert child(where, "disk undisturbed", "tpe").wait() == 0
    draw, full = random.Random(0), 0
    while full < faults:
        worker = child(where, "disk", "tpe")
        wait_for_work(where, "disk", worker)
        time.sleep(draw.uniform(0, 1.5))
        with (folder / "filling").open("wb", buffering=0) as filling:
            try:
                while worker.poll() is None:
                    filling.write(bytes(4096))
            except OSError:
                pass
        code = worker.wait()
        (folder / "filling").unlink()
        if code == 0:
            break
        sentence = worker.stderr.read().decode().strip().splitlines()[-1]  # type: ignore[union-attr]
        assert code == 2, sentence
        assert "cannot be used" in sentence, sentence
        elsewhere = sentence.rpartition("goes on in ")[2]
        if elsewhere.endswith(".db"):  # it holds all trials, including those that did not fit on the full disk
            assert len(rows(elsewhere, "disk")) == TRIALS, sentence
            shutil.rmtree(Path(elsewhere).parent)
        full += 1
        seen.append(rows(where, "disk"))
    assert child(where, "disk", "tpe").wait() == 0
    told("disk full", where, "disk", seen, full, began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["driver", "two", "ray", "node", "disk", "runs", "work"])
    parser.add_argument("folder", nargs="?", type=Path, help="of the disk; of runs: train, tune or ars alone")
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--study")
    parser.add_argument("--name", default="faults")
    parser.add_argument("--kind", default="tpe", choices=["tpe", "sobol", "ray"])
    parser.add_argument("--address")
    given = parser.parse_args()
    if given.part == "work":
        ray = given.address or given.kind == "ray"
        strategy = fl.Sobol() if given.kind == "sobol" else fl.TPE()
        try:
            if (found := study(given.study, given.name, strategy, ray)).notes:
                raise fl.FalllineError(found.notes[0])
        except fl.FalllineError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        return
    if given.part == "runs":
        from interrupted import runs

        runs(given.faults, [str(given.folder)] if given.folder else ["train", "tune", "ars"])
        return
    with tempfile.TemporaryDirectory() as folder:
        where = given.study or str(Path(folder) / "faults.db")
        if given.part == "driver":
            killed_driver(where, given.name, given.faults)
        elif given.part == "two":
            two(where, given.name, given.faults)
        elif given.part == "ray":
            killed_workers(where, given.name, given.faults)
        elif given.part == "node":
            lost_node(where, given.name)
        else:
            full_disk(given.folder, given.faults)


if __name__ == "__main__":
    main()
