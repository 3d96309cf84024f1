"""Damaged and changed files for every reader, which must refuse them with a sentence or load them correctly.

    python benchmarks/mutations.py                      50,000 mutations over all kinds of files, and the table
    python benchmarks/mutations.py --tries 200 model    some of one kind

Half of the tries change the file's bytes as a disk or a network might: flipped bits, a truncation, a hole of zeros, inserted
bytes. The other half change the file's contents (values of wrong types, huge and negative numbers, NaN, missing and additional
entries, deep nesting, other shapes and dtypes) and write the file anew with a valid digest, as only a program can.

    survived    loaded, and equal to the original; or, if the change was sealed or there is no digest, intact and usable
    refused     a FalllineError
    silent      the digest should have revealed the change, but something other than the original was loaded
    tracebacks  any other exception, and tries that take longer than 20 s

Every kind runs in its own process; `peak` is the process's peak memory, including imports and JAX.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from mutations_changes import Kind, Rng, damaged
from mutations_models import checkpoint, model, recipe
from mutations_policies import policy, policy_checkpoint, policy_recipe
from mutations_runs import diagnosis, history, metrics, search
from mutations_streams import block, identity, preparation, stream_checkpoint
from mutations_studies import study
from mutations_tables import arrow, csv, npz, parquet

import fallline as fl

SECONDS = 20  # time limit of one try
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None  # nothing waits for a disk there


class TooLongError(Exception):
    """Raised when a try takes longer than allowed."""


KINDS: dict[str, Callable[[Path], Kind]] = {
    "model": model, "checkpoint": checkpoint, "policy": policy, "policy checkpoint": policy_checkpoint, "recipe": recipe,
    "policy recipe": policy_recipe, "study": study, "npz": npz, "parquet": parquet, "arrow": arrow, "csv": csv,
    "metrics.json": metrics, "history.parquet": history, "study.json": search,
    "diagnosis.json": diagnosis, "identity.json": identity, "stream block": block, "stream preparation": preparation,
    "stream checkpoint": stream_checkpoint,
}  # fmt: skip


@dataclasses.dataclass
class Found:
    """Results of the tries of one kind."""

    tried: int = 0
    survived: int = 0
    refused: int = 0
    silent: int = 0
    tracebacks: int = 0
    slowest: float = 0.0
    megabytes: int = 0
    examples: dict[str, int] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raises TooLongError after this number of seconds."""

    def end(*_: Any) -> None:
        raise TooLongError(f"it took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(kind: Kind, original: Any, seal: bool) -> str:
    """The result of one changed file: the name of a column of the table, and for a fault its last line."""
    try:
        with warnings.catch_warnings(), limited(SECONDS):
            warnings.simplefilter("ignore")
            found = kind.read()
    except fl.FalllineError:
        return "refused"
    except MemoryError:
        return "tracebacks MemoryError"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"tracebacks {type(error).__name__}: {str(error)[:80]} ({Path(last.filename).name}:{last.lineno})"
    if kind.digest and not seal and not kind.same(found, original):
        return "silent"
    return "survived"


def campaign(name: str, tries: int, seed: int = 0) -> Found:
    """Try a number of changed files of one kind; the same seed yields the same files."""
    found = Found()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        kind = KINDS[name](Path(folder))
        content = kind.path.read_bytes()  # reading a study writes into it
        original = kind.read()
        for number in range(tries):
            rng = Rng(f"{seed} {name} {number}")
            seal = bool(number % 2)
            kind.path.write_bytes(kind.sealed(rng) if seal else damaged(rng, content))
            began = time.perf_counter()
            word, _, example = attempt(kind, original, seal).partition(" ")
            found.slowest = max(found.slowest, time.perf_counter() - began)
            found.tried += 1
            setattr(found, word, getattr(found, word) + 1)
            if word in ("silent", "tracebacks"):
                name_of = f"{word} {example}" if example else f"silent, try {number}"
                found.examples[name_of] = found.examples.get(name_of, 0) + 1
        kind.path.write_bytes(content)
        assert kind.same(kind.read(), original), "the file itself is read no more"
    found.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--tries", type=int, help="of each kind (default: 50,000 over all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", action="store_true", help="in this process, as JSON")
    given = parser.parse_args()
    kinds = given.kinds or list(KINDS)
    tries = given.tries or -(-50_000 // len(KINDS))
    if given.one:
        found = campaign(kinds[0], tries, given.seed)
        print(json.dumps(dataclasses.asdict(found)))
        return
    print(
        "| kind | tried | survived | refused | silent | tracebacks | slowest, s | peak, MB |\n|---|---|---|---|---|---|---|---|"
    )
    total, bad = Counter(), 0
    for name in kinds:
        words = [sys.executable, __file__, name, "--one", "--tries", str(tries), "--seed", str(given.seed)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            print(f"| {name} | the process ended with {done.returncode}: {done.stderr.strip()[-300:]} |")
            bad += 1
            continue
        found = Found(**json.loads(done.stdout.splitlines()[-1]))
        counts = {key: getattr(found, key) for key in ("tried", "survived", "refused", "silent", "tracebacks")}
        total.update(counts)
        shown = " | ".join(f"{count:,}" for count in counts.values())
        print(f"| {name} | {shown} | {found.slowest:.2f} | {found.megabytes:,} |", flush=True)
        for example, count in Counter(found.examples).most_common(8):
            print(f"  {count} x {example}", file=sys.stderr)
    print("| all | " + " | ".join(f"{count:,}" for count in total.values()) + " | | |")
    sys.exit(1 if bad or total["silent"] or total["tracebacks"] else 0)


if __name__ == "__main__":
    main()
