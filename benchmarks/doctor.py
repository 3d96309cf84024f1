"""The doctor's planted matrix: kinds x data sets x seeds, healthy runs, and repairs.

    python benchmarks/doctor.py --part 1/8                 # an eighth of everything, into doctor_results.json
    python benchmarks/doctor.py --kinds rate_low leak --bases wine --seeds 2 --repair
    python benchmarks/doctor.py --summary                  # tables of what has been run so far

Every case is appended to the results as soon as it is done, and cases that are there are not run again, so the benchmark can
be interrupted, run in parts and on several machines (`--out`). `--data FOLDER` adds every CSV of a folder as a data set, with its
last column or the one named by FOLDER/targets.json as the target.

A planted case counts as found if any finding is named, as right if the first finding is of its kind or of an equivalent one,
and as among three if one of the first three is. With `--repair`, remedies are tried on validation rows, the best one that
helps is applied, and both recipes are compared on test rows that nothing has seen, with new seeds.
"""

import argparse
import json
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from doctor_plants import PLANTS, Base, recipe

import fallline as fl
from fallline.core.block import replace
from fallline.core.executables import forget
from fallline.diagnosis import KINDS

OUT = Path("doctor_results.json")
SKLEARN = ("breast_cancer", "wine", "iris", "digits", "diabetes")
HEALTHY_FINDINGS = ("validation_small",)  # true of any run with few validation rows
MOST_ROWS = 1500


def bases(folder: Path | None, seed: int) -> dict[str, Base]:
    """The data sets, by name, as float features and class indices or numbers."""
    found = {}
    sources: list[tuple[str, Any, dict[str, Any]]] = [(name, f"sklearn:{name}", {}) for name in SKLEARN]
    if folder is not None:
        targets = json.loads((folder / "targets.json").read_text()) if (folder / "targets.json").is_file() else {}
        for path in sorted(folder.glob("*.csv")):
            with path.open(encoding="utf-8", errors="replace") as lines:
                last = lines.readline().strip().split(",")[-1].strip('"')
            sources.append((path.stem, path, {"target": targets.get(path.stem, last)}))
    for name, source, more in sources:
        data = fl.load(source, **more).dataset
        rows = np.random.default_rng(seed).permutation(len(data.x))[:MOST_ROWS]
        x = data.x[rows].astype(float)
        x = np.where(np.isfinite(x), x, np.nanmean(x, axis=0))
        y = data.y[rows] if data.task == "classification" else data.given[rows][:, 0]
        found[name] = Base(name, x, y, data.task, seed)
    return found


def cases(arguments: argparse.Namespace) -> list[tuple[str, str, int]]:
    """(kind or `healthy`, data set, seed) of every case, in an order that mixes kinds."""
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    names = arguments.kinds or [*PLANTS, *["healthy"] * (arguments.healthy > 0)]
    found = []
    for seed in seeds:
        for base in arguments.bases or bases(arguments.data, 0):
            found += [(kind, base, seed) for kind in names if kind != "healthy"]
            found += [(f"healthy {k}", base, seed) for k in range(arguments.healthy) if "healthy" in names]
    part, parts = map(int, arguments.part.split("/"))
    return found[part - 1 :: parts]


def healthy(number: int, base: Base) -> tuple[fl.Recipe, fl.Table]:
    """One of several healthy recipes."""
    changes = (
        {},
        {"model.activation": fl.GELU()},
        {"optimizer": fl.AdamW(fl.Cosine(5e-3, warmup=0.05))},
        {"optimizer": fl.Momentum(fl.Cosine(0.05, warmup=0.05))},
        {"batch_size": 16},
        {"model.layer_norm": True},
        {"model.hidden": (64,)},
        {"scaler": fl.Robust(3.0)},
        {"model.activation": fl.Tanh()},
        {"patience": 15, "epochs": 80},
    )[number % 10]
    return replace(recipe(epochs=60), changes), base.table()


def one(kind: str, base: Base, repair: bool) -> dict[str, Any]:
    """Plant, train, diagnose and, if asked, repair one case."""
    began = time.perf_counter()
    plant = None if kind.startswith("healthy") else PLANTS[kind]
    made, table = healthy(int(kind.split()[1]), base) if plant is None else plant.make(base)
    run = fl.train(made, table, seed=base.seed)
    trained = time.perf_counter() - began
    found = fl.diagnose(run, try_remedies=repair and plant is not None)
    names = [each.name for each in found.findings]
    row: dict[str, Any] = {
        "kind": kind, "base": base.name, "seed": base.seed, "outcome": run.outcome.label, "findings": names,
        "explained": [each.name for each in found.explained], "train_seconds": round(trained, 2),
        "seconds": round(time.perf_counter() - began, 2),
        "evidence": found.findings[0].evidence if found.findings else "",
    }  # fmt: skip
    if plant is not None:
        row |= {"right": bool(set(names[:1]) & set(plant.names)), "three": bool(set(names[:3]) & set(plant.names))}
    else:
        row |= {"alarms": [name for name in names if name not in HEALTHY_FINDINGS]}
    if found.tried is not None:
        row |= repaired(run, found, table)
    return row


def repaired(run: Any, found: Any, table: fl.Table) -> dict[str, Any]:
    """The test scores of the plain and of the repaired recipe, over three new seeds."""
    best = found.tried.best
    row: dict[str, Any] = {"tried": len(found.tried.tried), "remedy": None if best is None else best.remedy.name}
    if best is None:
        return row
    metric = "accuracy" if table.task == "classification" else "r2"
    scores = {}
    for name, chosen in (("plain", run.recipe), ("fixed", best.remedy.apply(run.recipe))):
        runs = [fl.train(chosen, table, seed=1000 + k) for k in range(3)]
        scores[name] = float(np.mean([each.metrics.get("test", each.metrics["train"])[metric] for each in runs]))
    return {
        **row,
        **scores,
        "regained": scores["fixed"] - scores["plain"],
        "repaired": scores["fixed"] > scores["plain"],
    }


def summary(rows: list[dict[str, Any]]) -> str:
    """Detection, causes, alarms and repairs, by kind and in total."""
    planted = [each for each in rows if "right" in each]
    lines = [f"{'kind':22} cases  found  first  three  repaired  regained"]
    for kind in [*PLANTS, "all"]:
        own = [each for each in planted if kind in (each["kind"], "all")]
        if not own:
            continue
        share = lambda values: f"{100 * np.mean(list(values)):5.1f}%"  # noqa: E731
        tried = [each for each in own if each.get("tried")]
        fixed = share(each.get("repaired", False) for each in tried) if tried else "     -"
        gained = [each["regained"] for each in tried if "regained" in each]
        lines.append(
            f"{kind:22} {len(own):5d} {share(bool(e['findings']) for e in own)} {share(e['right'] for e in own)} "
            f"{share(e['three'] for e in own)}   {fixed}   {np.mean(gained):8.4f}" if gained else
            f"{kind:22} {len(own):5d} {share(bool(e['findings']) for e in own)} {share(e['right'] for e in own)} "
            f"{share(e['three'] for e in own)}   {fixed}          -"
        )  # fmt: skip
    well = [each for each in rows if "alarms" in each]
    alarms = [each for each in well if each["alarms"]]
    lines += ["", f"healthy runs: {len(well)}, with a false alarm: {len(alarms)}"]
    lines += [
        f"  {each['base']} seed {each['seed']}: {', '.join(each['alarms'])}: {each['evidence']}" for each in alarms
    ]
    lines += ["", "confusion (planted: first finding x cases)"]
    for kind in PLANTS:
        firsts = [(each["findings"] or ["nothing"])[0] for each in planted if each["kind"] == kind]
        if firsts:
            counted = {name: firsts.count(name) for name in sorted(set(firsts), key=firsts.count, reverse=True)}
            lines.append(f"  {kind:22} " + ", ".join(f"{name} {count}" for name, count in counted.items()))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", default="1/1", help="K/N: the K-th of N parts")
    parser.add_argument("--kinds", nargs="*", help="planted kinds, or healthy")
    parser.add_argument("--bases", nargs="*", help="names of data sets")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--healthy", type=int, default=10, help="healthy recipes for each data set and seed")
    parser.add_argument("--data", type=Path, help="folder with more CSV files")
    parser.add_argument("--repair", action="store_true", help="try remedies and measure the repaired recipe")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--summary", action="store_true", help="print the tables and do nothing else")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = json.loads(arguments.out.read_text()) if arguments.out.is_file() else []
    if not arguments.summary:
        done = {(each["kind"], each["base"], each["seed"]) for each in rows}
        for kind, base, seed in cases(arguments):
            if (kind, base, seed) in done:
                continue
            if len(rows) % 25 == 0:
                forget()  # a process can map only so many compiled programs
            data = bases(arguments.data, seed)[base]
            if kind in PLANTS and PLANTS[kind].task == "classification" and data.task != "classification":
                continue
            try:
                row = one(kind, data, arguments.repair)
            except Exception as error:
                traceback.print_exc()
                row = {"kind": kind, "base": base, "seed": seed, "failed": repr(error)[:300]}
            rows.append(row)
            arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
            print(kind, base, seed, row.get("findings", row.get("failed")), f"{row.get('seconds', 0)} s", flush=True)
    known = {each.name for each in KINDS}
    assert {name for each in PLANTS.values() for name in each.names} <= known
    print(summary(rows), flush=True)


if __name__ == "__main__":
    main()
