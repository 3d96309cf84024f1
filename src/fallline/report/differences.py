"""What differs between runs: the fields of their recipes and data, and their metrics beside each other."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from fallline.core.nested import dotted
from fallline.report.finished import Finished

NOT_THERE = "-"
_SPLITS = ("train", "valid", "out_of_fold", "test")


@dataclasses.dataclass(frozen=True)
class Differences:
    """Runs beside each other.

    Attributes:
        names: one name per run.
        fields: (path, value in each run) of every field in which they differ, by path.
        metrics: (split, metric, value in each run), where a run without the value has None.
        same_data: whether all were trained on the same data, split alike; None if that is not known.
    """

    names: tuple[str, ...]
    fields: tuple[tuple[str, tuple[str, ...]], ...]
    metrics: tuple[tuple[str, str, tuple[float | None, ...]], ...]
    same_data: bool | None

    def to_plain(self) -> dict[str, Any]:
        """The differences as plain data."""
        return {
            "runs": list(self.names),
            "recipe": {path: list(values) for path, values in self.fields},
            "metrics": [{"split": split, "metric": name, "values": list(each)} for split, name, each in self.metrics],
            "same_data": self.same_data,
        }


def differences(runs: Sequence[Finished], names: Sequence[str] | None = None) -> Differences:
    """Compare finished runs; every run is named by its folder, as far as that is needed to tell them apart."""
    settings = [_settings(each) for each in runs]
    paths = sorted({path for each in settings for path in each})
    rows = [(path, tuple(each.get(path, NOT_THERE) for each in settings)) for path in paths]
    measured = [each.summary["metrics"] for each in runs]
    metrics = [
        (split, name, tuple(_number(each.get(split, {}).get(name)) for each in measured))
        for split in _SPLITS
        for name in dict.fromkeys(name for each in measured for name in each.get(split, {}))
    ]
    return Differences(
        tuple(names or short_names(runs)),
        tuple((path, values) for path, values in rows if len(set(values)) > 1),
        tuple(metrics),
        _same_data(runs),
    )


def short_names(runs: Sequence[Finished]) -> list[str]:
    """The last part of each folder's path, or as many parts as it takes to tell them apart."""
    parts = [each.folder.resolve().parts for each in runs]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(each[-count:]) for each in parts]
        if len(set(names)) == len(set(parts)):
            break
    return names


def _settings(run: Finished) -> dict[str, str]:
    from fallline.training.recipe import recipe_to_plain

    plan = run.plan
    several = {name: str(value) for name, value in plan.several.items()}
    several |= {} if plan.workers is None else {"workers": str(plan.workers)}
    return {**dict(dotted({**recipe_to_plain(plan.recipe), "data": plan.data, "seed": plan.seed})), **several}


def _same_data(runs: Sequence[Finished]) -> bool | None:
    from fallline.training.identity import read_identity

    found = [read_identity(each.folder) for each in runs]
    known = [
        (each["data"], each["columns"]) for each in found if each is not None and {"data", "columns"} <= each.keys()
    ]
    return len(set(known)) == 1 if len(known) == len(runs) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
