"""A training on a stream whose processes are killed, whose disk is full or whose files go must end with the same model.

    python benchmarks/stream_faults.py [PART ...] [--faults 20]

- driver: SIGKILL of the process at random moments from its start on, the passes over the files included; the run is resumed
- workers: SIGKILL of one of two workers on Ray at random moments
- node: the processes of a Ray node at random moments, and another node that joins
- disk: the disk of the cache is full from a random moment on (a small tmpfs, if it may be mounted)
- removed: a file is removed while epochs go on; in every second run without a cache, so that it is needed again
- changed: a file is written anew, alike

Every part prints a line of JSON. `same` counts runs that end with the bits of an undisturbed one; without a cache, those that
are resumed once the file is back. `sentences` counts the one-sentence ends in between. Anything else is `lost`, and so is a
file that is left half-written beside a run's own.

The table has 16 files of 6,000 rows. The process is told that it runs with less memory than it has, so that its rows do not
fit and an epoch has several windows; all the rest is the command as it is.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fallline.training.folder import has_finished

FILES, ROWS, NUMBERS, EPOCHS = 16, 6000, 20, 12
ROOM = 12_000_000  # bytes for the rows of windows
MARK = "FALLLINE_FAULTS"  # environment variable that marks all processes of one run
SIZE = "24m"  # of the small disk
SHORT = [
    "--hidden",
    "32",
    "--batch-size",
    "64",
    "--epochs",
    str(EPOCHS),
    "--patience",
    "none",
    "--set",
    "encoding=none",
]
Words = list[str]


def generate(folder: Path) -> None:
    """Write the table."""
    import numpy as np
    import polars as pl

    folder.mkdir()
    for index in range(FILES):
        rng = np.random.default_rng(index)
        x = rng.standard_normal((NUMBERS, ROWS), np.float32)
        kinds = np.array([f"kind {i}" for i in range(8)])[rng.integers(0, 8, ROWS)]
        y = np.where(x[0] * x[1] + x[2] > 0, "yes", "no")
        columns = {f"n{i}": each for i, each in enumerate(x)} | {"kind": kinds, "y": y}
        pl.DataFrame(columns).write_parquet(folder / f"{index:02}.parquet")


def work(words: Words) -> None:
    """The command, with less room for rows; reports are left out, since they would take longer than the training."""
    import fallline.cli.train_run as command
    import fallline.streams.stream as stream
    import fallline.streams.windows as windows

    stream.RUNNING = 10**9 - 1
    windows.RUNNING = 10**9 - ROOM
    command._write_report = lambda *arguments: None
    from fallline.cli.main import run

    sys.argv = ["fallline", *words]
    run()


class Child:
    """A running command; its output is kept in a file."""

    def __init__(self, home: Path, words: Words, mark: str = "", cache: Path | None = None) -> None:
        own = {MARK: mark} | ({} if cache is None else {"FALLLINE_CACHE": str(cache)})
        self.said, self.began = home / f"said-{uuid.uuid4().hex[:8]}", time.monotonic()
        with self.said.open("w") as file:
            full = [sys.executable, __file__, "work", "--", *words]
            self.process = subprocess.Popen(full, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=file)

    def end(self) -> int:
        """Wait for the end; returns the exit code."""
        return self.process.wait(timeout=1200)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    @property
    def text(self) -> str:
        """What it has said on standard error."""
        return self.said.read_text()


class Campaign:
    """One part: its table, its undisturbed run, and what became of the disturbed ones.

    Arguments:
        home: folder of the part.
        faults: number of faults.
        flags: more flags of the command.
    """

    def __init__(self, home: Path, faults: int, *flags: str) -> None:
        self.home, self.faults, self.draw, self.flags = home, faults, random.Random(0), list(flags)
        self.count, self.began, self.number = Counter[str](), time.perf_counter(), 0
        self.table = home / "rows"
        generate(self.table)
        child = self.child("whole")
        assert child.end() == 0, child.text
        self.seconds = time.monotonic() - child.began
        self.whole = self.model("whole")

    def child(self, name: str, *flags: str, **where: object) -> Child:
        """Begin a run, or go on with the one in the folder."""
        folder = self.home / name
        if (folder / "recipe.toml").is_file():
            words = ["train", "--resume", str(folder)]
        else:
            words = ["train", str(self.table), "--target", "y", "--memory", "1GB", "--out", str(folder), *SHORT]
            words += [*self.flags, *flags]
        return Child(self.home, [*words, "--checkpoint-seconds", "0"], **where)  # type: ignore[arg-type]

    def model(self, name: str) -> bytes:
        """The model of a run; empty if there is none."""
        path = self.home / name / "model.safetensors"
        return path.read_bytes() if path.is_file() else b""

    def new(self) -> str:
        """Name of a new run."""
        self.number += 1
        return f"run{self.number}"

    def judge(self, name: str, child: Child) -> None:
        """Compare a run that has ended, or was killed after its end was on the disk, with the undisturbed one."""
        ended = child.end() == 0 or (child.end() == -signal.SIGKILL and has_finished(self.home / name))
        beside = {each.name for each in (self.home / name).iterdir()} ^ {
            each.name for each in (self.home / "whole").iterdir()
        }
        if ended and self.model(name) == self.whole and not beside:
            self.count["same"] += 1
            shutil.rmtree(self.home / name)
        else:
            self.lost(f"{name}: exit code {child.end()}, left beside {sorted(beside)}", child)

    def sentence(self, child: Child, pattern: str) -> None:
        """Count the end of a run that says in one sentence why it cannot go on."""
        last = child.text.strip().splitlines()[-1:] or [""]
        if child.end() == 2 and re.search(pattern, last[0]) and "Traceback" not in child.text:
            self.count["sentences"] += 1
        else:
            self.lost(f"exit code {child.end()} in place of a sentence", child)

    def lost(self, what: str, child: Child) -> None:
        """Count what must not happen, and show it."""
        self.count["lost"] += 1
        print(f"{what}\n{child.text[-3000:]}", file=sys.stderr, flush=True)

    def told(self, part: str, faults: int) -> None:
        """Print what became of the part."""
        found = {"part": part, "faults": faults, "same": 0, "lost": 0, **self.count}
        print(json.dumps({**found, "seconds": round(time.perf_counter() - self.began, 1)}), flush=True)


def begun(folder: Path, child: Child) -> None:
    """Wait until a run has written a checkpoint."""
    while child.running and not (folder / "checkpoint.safetensors").exists():
        time.sleep(0.05)


def driver(home: Path, faults: int) -> Counter[str]:
    """The process is killed at any moment of its life, and begun again, until it has been killed so often."""
    part, killed = Campaign(home, faults), 0
    while killed < faults:
        name = part.new()
        shutil.rmtree(Path(os.environ["FALLLINE_CACHE"]) / "streams", ignore_errors=True)
        while True:
            child = part.child(name)
            if killed < faults:
                time.sleep(part.draw.uniform(0, part.seconds))
            if not child.running or killed == faults:
                break
            child.process.kill()
            child.process.wait()
            killed += 1
            if has_finished(home / name):
                break
        part.judge(name, child)
    part.told("driver", killed)
    return part.count


def workers_of(mark: str) -> list[int]:
    """The processes of Ray that train one run."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            ours = (
                b"ray::_Member" in (each / "cmdline").read_bytes() and mark.encode() in (each / "environ").read_bytes()
            )
            if ours and (each / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(int(each.name))
        except OSError:
            continue
    return found


def workers(home: Path, faults: int) -> Counter[str]:
    """One of two workers is killed, again and again; the process that leads them survives."""
    part, killed = Campaign(home, faults, "--workers", "2"), 0
    while killed < faults:
        name, mark = part.new(), uuid.uuid4().hex
        child = part.child(name, mark=mark)
        begun(home / name, child)
        while child.running and killed < faults:
            # Workers must sometimes reach the next window: a run that is lost five times in one place is given up.
            time.sleep(part.draw.uniform(0, part.seconds))
            if child.running and (busy := workers_of(mark)):
                os.kill(part.draw.choice(busy), signal.SIGKILL)
                killed += 1
        part.judge(name, child)
    part.told("workers", killed)
    return part.count


def node(home: Path, faults: int) -> Counter[str]:
    """A node of the cluster is lost with all its processes, and another one joins."""
    from ray.cluster_utils import Cluster

    part, lost = Campaign(home, faults, "--workers", "2"), 0
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    other = cluster.add_node(num_cpus=1)
    try:
        while lost < faults:
            name = part.new()
            child = part.child(name, "--ray", cluster.address)
            begun(home / name, child)
            while child.running and lost < faults:
                time.sleep(part.draw.uniform(0, part.seconds))
                if child.running:
                    cluster.remove_node(other, allow_graceful=False)
                    lost += 1
                    time.sleep(part.draw.uniform(0, part.seconds))
                    other = cluster.add_node(num_cpus=1)
            part.judge(name, child)
    finally:
        cluster.shutdown()
    part.told("node", lost)
    return part.count


def disk(home: Path, faults: int) -> Counter[str]:
    """The disk of the cache is full from a random moment on."""
    small = home / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(small)]).returncode:
        print(json.dumps({"part": "disk", "faults": 0}), flush=True)
        return Counter()
    try:
        part = Campaign(home, faults)
        for _ in range(faults):
            name, cache = part.new(), small / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            child = part.child(name, cache=cache)
            time.sleep(part.draw.uniform(0, part.seconds))
            with (small / "filling").open("wb", buffering=0) as filling:
                while child.running:
                    try:
                        while child.running:
                            filling.write(bytes(4096))
                    except OSError:
                        time.sleep(0.01)
            (small / "filling").unlink()
            part.judge(name, child)
    finally:
        subprocess.run(["umount", str(small)], check=False)
    part.told("disk", faults)
    return part.count


def spoiled(home: Path, faults: int, part_name: str, spoil: Callable[[Path], None], says: str) -> Counter[str]:
    """A file goes or changes at a random moment after the first epoch, with the blocks in the cache and without a cache."""
    part = Campaign(home, faults)
    for number in range(faults):
        cached, name = number % 2 == 0, part.new()
        child = part.child(name, *([] if cached else ["--cache", "0"]))
        begun(home / name, child)
        time.sleep(part.draw.uniform(0.1, 0.7) * part.seconds * (1 - 1 / EPOCHS))
        path = part.table / f"{part.draw.randrange(FILES):02}.parquet"
        before, times = path.read_bytes(), path.stat()
        spoil(path)
        child.end()
        if child.end() == 2:
            part.sentence(child, says.format(re.escape(path.name)))
            path.write_bytes(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            child = part.child(name)
            child.end()
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        part.judge(name, child)
    part.told(part_name, faults)
    return part.count


def rewritten(path: Path) -> None:
    """Write a file anew with its rows in another order, in one step."""
    import polars as pl

    beside = path.with_suffix(".new")
    pl.read_parquet(path).reverse().write_parquet(beside)
    os.replace(beside, path)


PARTS: dict[str, Callable[[Path, int], Counter[str]]] = {
    "driver": driver,
    "workers": workers,
    "node": node,
    "disk": disk,
    "removed": lambda home, faults: spoiled(home, faults, "removed", Path.unlink, r"{} has vanished"),
    "changed": lambda home, faults: spoiled(home, faults, "changed", rewritten, r"{} has changed since it was scanned"),
}


def main() -> None:
    if sys.argv[1:3] == ["work", "--"]:
        work(sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    parser.add_argument("--faults", type=int, default=20)
    given = parser.parse_args()
    lost = 0
    for name in given.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="fallline-faults-") as folder:
            home = Path(folder)
            os.environ["FALLLINE_CACHE"] = str(home / "cache")
            lost += PARTS[name](home, given.faults)["lost"]
    if lost:
        sys.exit(1)


if __name__ == "__main__":
    main()
