"""The result of a training whose process, disk or folder fails: `python benchmarks/faults.py runs`.

For train, tune and ars: SIGKILL, SIGTERM and SIGSTOP at random moments, a disk that is full or read-only from a random
moment on (a small tmpfs, if it may be mounted), a folder that is deleted or replaced, and a second writer. A fault counts
as survived if the run ends with the same bits as an undisturbed one, in its own folder or in the one that the command names;
the run is resumed if the command says so. It counts as refused if the command ends with one sentence before it has trained
anything, and as lost otherwise.
"""

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
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fallline.searching.store import Store

SPACE = """
epochs = 30
patience = "none"
batch_size = 16
[model]
name = "mlp"
hidden = [16]
[optimizer]
name = "adam"
learning_rate = {name = "log_uniform", low = 1e-4, high = 1e-1}
"""
SHORT = ["--checkpoint-seconds", "0"]
WORDS = {
    "train": ["sklearn:iris", "--epochs", "3000", "--patience", "none", "--batch-size", "4", *SHORT],
    "tune": ["sklearn:iris", "--space", "SPACE", "--trials", "64", "--batch", "8"],
    "ars": ["jax:cartpole", "--steps", "300000", "--directions", "2", "--kept", "1", "--set", "episodes=5", *SHORT],
}
FAULTS = ("SIGKILL", "SIGTERM", "SIGSTOP", "full disk", "read-only disk", "deleted", "replaced", "two writers")
SIZE = "48m"  # size of the small disk


class Process:
    """A running command and its output."""

    def __init__(self, command: str, words: list[str], said: Path) -> None:
        with said.open("w") as file:
            full = [sys.executable, "-m", "fallline", command, *words]
            self.process = subprocess.Popen(full, stdout=subprocess.DEVNULL, stderr=file)
        self.command, self.file = command, said

    def end(self) -> tuple[int, str]:
        code = self.process.wait(timeout=600)
        return code, self.file.read_text()


def begun(command: str, folder: Path, process: Process) -> None:
    """Wait until the command has trained something."""
    sign = folder / ("study.db" if command == "tune" else "checkpoint.safetensors")
    while process.process.poll() is None:
        if sign.exists() and (command != "tune" or trials(str(sign))):
            return
        time.sleep(0.02)


def trials(where: str) -> dict[int, tuple]:
    """Every judged trial: point, outcome, score."""
    store = Store(where)
    try:
        if store.described() is None:
            return {}
        store.begin(0, {})
        return {row.number: (row.point, row.outcome, row.score) for row in store.rows() if row.outcome}
    finally:
        store.engine.dispose()


def result(command: str, folder: Path, study: str | None = None) -> object:
    """The result of a command: the bytes of its model, and the trials of a search; None if it does not exist."""
    name = "policy.safetensors" if command == "ars" else "model.safetensors"
    if not (folder / name).is_file() or (command == "tune" and not Path(study or "").is_file()):
        return None
    return (folder / name).read_bytes(), trials(study) if study else None


def after(command: str, folder: Path, code: int, said: str, home: Path) -> object:
    """The final result, at the place that the command names; an interrupted command is resumed first."""
    for _ in range(3):
        resumed = re.findall(rf"Continue with: fallline {command} --resume (\S+)", said)
        if code in (0, 1):
            break
        start = resumed[-1] if resumed else str(folder / "study.db" if command == "tune" else folder)
        out = home / "resumed"
        if command == "tune":
            shutil.rmtree(out, ignore_errors=True)
        where = ["--out", str(out)] if command == "tune" else []
        code, more = Process(command, ["--resume", start, *where], home / "said").end()
        said += more
        folder = out if where else Path(start)
    place = re.findall(r"Saved in (\S+): ", said)
    study = re.findall(r"the trials in (\S+)\.", said)
    found = Path(place[-1]) if place else folder
    return result(command, found, study[-1] if study else None)


def fill(folder: Path, process: Process) -> Callable[[], None]:
    """Keep the disk full for as long as the process lives."""
    with (folder.parent / "filling").open("wb", buffering=0) as filling:
        while process.process.poll() is None:
            try:
                while True:
                    filling.write(bytes(4096))
            except OSError:
                time.sleep(0.01)
    return lambda: (folder.parent / "filling").unlink()


def read_only(folder: Path, process: Process) -> Callable[[], None]:
    """Keep the disk read-only for as long as the process lives; a disk in use may need several attempts."""
    disk = str(folder.parent)
    for _ in range(200):
        if not subprocess.run(["mount", "-o", "remount,ro", disk], capture_output=True).returncode:
            break
        time.sleep(0.01)
    process.process.wait()
    return lambda: subprocess.run(["mount", "-o", "remount,rw", disk], check=True) and None


def inject(fault: str, command: str, folder: Path, process: Process, home: Path) -> tuple[bool, Callable[[], None]]:
    """Inject a fault; returns whether a second writer was refused, and a function that restores the disk."""
    if fault.startswith("SIG"):
        process.process.send_signal(getattr(signal, fault))
        if fault == "SIGSTOP":
            time.sleep(1)
            process.process.send_signal(signal.SIGCONT)
    elif fault == "full disk":
        return False, fill(folder, process)
    elif fault == "read-only disk":
        return False, read_only(folder, process)
    elif fault in ("deleted", "replaced"):
        shutil.rmtree(folder, ignore_errors=True)
        if fault == "replaced":
            folder.mkdir(exist_ok=True)
            (folder / "of somebody else").write_text("")
    else:
        words = ["--resume", str(folder)] if command != "tune" else [*words_of(command, home), "--out", str(folder)]
        code, said = Process(command, words, home / "second").end()
        refused = code == 2 and len(said.strip().splitlines()) == 1 and ("in use" in said or "not empty" in said)
        return refused, lambda: None
    return False, lambda: None


def words_of(command: str, home: Path) -> list[str]:
    (home / "space.toml").write_text(SPACE)
    return [str(home / "space.toml") if each == "SPACE" else each for each in WORDS[command]]


def attempt(command: str, fault: str, whole: object, draw: random.Random, home: Path, disk: Path) -> tuple[str, str]:
    """Try one fault: survived, refused or lost, and the output of the command.

    A folder that is removed when the command has already said where its result is hits no training: it is tried again.
    """
    shutil.rmtree(disk / "run", ignore_errors=True)
    folder = disk / "run"
    process = Process(command, [*words_of(command, home), "--out", str(folder)], home / "first")
    begun(command, folder, process)
    time.sleep(draw.uniform(0, 1.5))
    refused, mend = inject(fault, command, folder, process, home)
    if fault in ("deleted", "replaced") and "Saved in" in process.file.read_text():
        process.end()
        return attempt(command, fault, whole, draw, home, disk)
    code, said = process.end()
    mend()
    found = after(command, folder, code, said, home)
    texts = said + "".join((home / name).read_text() for name in ("said", "second") if (home / name).exists())
    if "Traceback" in texts:
        return "traceback", texts
    if found != whole:
        return "lost", texts
    return ("refused" if refused else "survived") if fault == "two writers" else "survived", texts


def runs(faults: int, chosen: list[str]) -> None:
    """Print the table: one line of JSON for each command and fault."""
    draw, lost = random.Random(0), 0
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as mount:
        place = Path(home)
        small = not subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", mount]).returncode
        try:
            for command in chosen:
                code, said = Process(
                    command, [*words_of(command, place), "--out", f"{home}/whole"], place / "first"
                ).end()
                assert code == 0, said
                whole = after(command, place / "whole", code, said, place)
                assert whole is not None, said
                for fault in FAULTS:
                    if "disk" in fault and not small:
                        print(json.dumps({"command": command, "fault": fault, "tried": 0}), flush=True)
                        continue
                    count: Counter[str] = Counter()
                    for _ in range(faults):
                        kind, texts = attempt(command, fault, whole, draw, place, Path(mount))
                        count[kind] += 1
                        if kind in ("lost", "traceback"):
                            print(texts, file=sys.stderr, flush=True)
                    lost += count["lost"] + count["traceback"]
                    print(json.dumps({"command": command, "fault": fault, "tried": faults, **count}), flush=True)
                shutil.rmtree(f"{home}/whole")
        finally:
            if small:
                os.sync()
                subprocess.run(["umount", mount], check=False)
    if lost:
        sys.exit(1)
