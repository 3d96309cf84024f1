"""The figures of a search: its course, the hyperparameters of good trials, and whether more trials would help."""

from collections.abc import Callable, Mapping
from typing import Any

from fallline.drawing.curves import Role, Series
from fallline.drawing.figure import Figure
from fallline.drawing.words import NOTHING, metric_label, number

SLICES = 8  # most hyperparameters with their own figure, by importance
LINES = 400  # most trials drawn as lines
BEST = 0.1  # share of the trials that are called the best


def search_figures(search: Mapping[str, Any]) -> list[Figure]:
    """The figures of a search.

    Arguments:
        search: the content of `study.json`: trials, hyperparameters, prospects and the monitored metric.
    """
    found = [_course(search), _prospects(search), _parallel(search), *_slices(search)]
    return [each for each in found if each.series]


def _course(search: Mapping[str, Any]) -> Figure:
    """Every trial's score in the order of trials, and the best so far."""
    scored = sorted(_scored(search), key=lambda trial: trial["trial"])
    numbers = tuple(float(each["trial"]) for each in scored)
    series = [*_points(scored, numbers, search)]
    # A pruned trial has the score of fewer epochs, so it does not count as the best, even if no trial has finished yet.
    places, best, rank = [], [], None
    for place, each in zip(numbers, scored, strict=True):
        if each["outcome"] != "pruned" and (rank is None or each["rank"] < rank):
            lowest, rank = each["score"], each["rank"]
        if rank is not None:
            places.append(place)
            best.append(lowest)
    first = next((each for each in scored if each["trial"] == 0 and each["outcome"] != "pruned"), None)
    if search.get("default") and first is not None and len(scored) > 1:
        ends = (numbers[0], numbers[-1])
        series.append(Series("the default (trial 0)", ends, (first["score"],) * 2, "reference", dashed=True))
    if best:
        series.append(Series("best so far", tuple(places), tuple(best), "train", text=tuple(map(number, best))))
    return Figure(
        "Trials",
        "The score of every trial, in the order in which they were proposed.",
        "trial",
        _label(search),
        tuple(series),
        log_y=_spans_decades(scored),
    )


def _prospects(search: Mapping[str, Any]) -> Figure:
    """The expected best score over the number of trials."""
    rows = search["prospects"]
    x = tuple(float(each["trials"]) for each in rows)
    curves: tuple[tuple[str, str, Role], ...] = (
        ("expected", "mean", "train"),
        ("80 % of the time", "low", "reference"),
        ("and this", "high", "reference"),
    )
    series = [
        Series(name, x, tuple(each[key] for each in rows), role, dashed=role == "reference")
        for name, key, role in curves
    ]
    return Figure(
        "Would more trials help?",
        "The best of this many finished trials, drawn in random order: its expectation, and in 80 of 100 cases between the "
        "dashed lines. A curve that is still steep at its end says that more trials would find better ones.",
        "trials",
        f"best {_label(search)}",
        tuple(series) if rows else (),
        log_x=True,
        log_y=_positive_decades([each["mean"] for each in rows]),
    )


def _parallel(search: Mapping[str, Any]) -> Figure:
    """Parallel coordinates, with an axis per hyperparameter and a line per trial."""
    axes = search["hyperparameters"]
    trials = sorted(search["trials"], key=lambda trial: trial["rank"])
    count = len(trials)
    bands: dict[str, tuple[Any, list[Any]]] = {
        "the other half": ("reference", trials[(count + 1) // 2 :]),
        "the better half": ("single", trials[max(1, round(BEST * count)) : (count + 1) // 2]),
        f"the best {BEST:.0%}": ("train", trials[: max(1, round(BEST * count))]),
    }
    series = []
    for name, (role, members) in bands.items():
        kept = members[:: -(-len(members) // (LINES // 3)) or 1]
        x: list[float] = []
        y: list[float | None] = []
        text: list[str] = []
        for each in kept:
            for place, u in enumerate([*each["places"], None]):
                x.append(float(min(place, len(axes) - 1)))
                y.append(u)
                text.append(_told(each, search) if u is not None else "")
        if any(u is not None for u in y):
            series.append(Series(name, tuple(x), tuple(y), role, text=tuple(text)))
    return Figure(
        "Hyperparameters together",
        "One line per trial, through its place in each range (0: the lower end, 1: the upper, on the range's own scale). "
        "Where the best trials' lines meet, the value matters; where they spread, it does not.",
        "",
        "place in the range",
        tuple(series) if len(axes) > 1 else (),
        wide=True,
        x_ticks=tuple((float(i), f"{_short(each['name'])}\n{_ends(each)}") for i, each in enumerate(axes)),
    )


def _slices(search: Mapping[str, Any]) -> list[Figure]:
    """The score over each hyperparameter, one figure each."""
    axes = search["hyperparameters"]
    order = sorted(range(len(axes)), key=lambda i: -(axes[i]["importance"] or 0.0))[:SLICES]
    scored = _scored(search)
    found = []
    for i in order:
        axis = axes[i]
        here = [each for each in scored if each["places"][i] is not None]
        if axis["options"] is None:
            x = tuple(float(each["values"][i]) for each in here)
            ticks: tuple[tuple[float, str], ...] = ()
        else:
            count = len(axis["options"])
            x = tuple(float(min(int(each["places"][i] * count), count - 1)) for each in here)
            ticks = tuple((float(k), str(word)) for k, word in enumerate(axis["options"]))
        series = [*_points(here, x, search)]
        card = axis["sensitivity"]
        best = next((each for each in here if each["rank"] == 0), None)
        if card and best is not None and all(isinstance(end, int | float) for end in card["likely"] or ("",)):
            ends = tuple(float(value) for value in card["likely"])
            y = (best["score"], best["score"])
            series.append(Series("likely within 1 %", ends, y, "train", text=(card["sentence"],) * 2))
        found.append(
            Figure(
                axis["name"],
                "The score over this hyperparameter alone; the others differ from trial to trial."
                + (f" Within 1 % of the best score: {card['sentence']}." if card else ""),
                _short(axis["name"]),
                _label(search),
                tuple(series) if here else (),
                log_x=axis["log"],
                log_y=_spans_decades(here),
                x_ticks=ticks,
            )
        )
    return found


def _points(trials: list[Any], x: tuple[float, ...], search: Mapping[str, Any]) -> list[Series]:
    """Trials as points: the pruned ones, the finished ones, and the best."""
    groups: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
        "stopped by halving": ("reference", lambda each: each["outcome"] == "pruned"),
        "trials": ("single", lambda each: each["outcome"] != "pruned" and each["rank"] != 0),
        "the best": ("valid", lambda each: each["outcome"] != "pruned" and each["rank"] == 0),
    }
    found = []
    for name, (role, belongs) in groups.items():
        chosen = [(place, each) for place, each in zip(x, trials, strict=True) if belongs(each)]
        if chosen:
            at, members = tuple(place for place, _ in chosen), [each for _, each in chosen]
            y, text = tuple(each["score"] for each in members), tuple(_told(each, search) for each in members)
            found.append(Series(name, at, y, role, points=True, text=text))  # type: ignore[arg-type]
    return found


def _scored(search: Mapping[str, Any]) -> list[Any]:
    return [each for each in search["trials"] if each["score"] is not None]


def _told(trial: Mapping[str, Any], search: Mapping[str, Any]) -> str:
    return f"trial {trial['trial']}: {number(trial['score'])}"


def _label(search: Mapping[str, Any]) -> str:
    return f"validation {metric_label(search['monitor'])}"


def _short(name: str) -> str:
    """The end of a dotted path, long enough to be understood.

    >>> _short("optimizer.learning_rate.peak"), _short("model.dropout"), _short("optimizer[sgd].momentum")
    ('learning_rate.peak', 'dropout', '[sgd].momentum')
    """
    words = name.split(".")
    if words[-1] in ("peak", "value", "start") and len(words) > 1:
        return ".".join(words[-2:])
    return f"[{words[-2].partition('[')[2]}.{words[-1]}" if "[" in "".join(words[-2:-1]) else words[-1]


def _ends(axis: Mapping[str, Any]) -> str:
    if axis["options"] is not None:
        return f"{axis['options'][0]} to {axis['options'][-1]}"
    return " to ".join(NOTHING if end is None else f"{end:.3g}" for end in (axis["low"], axis["high"]))


def _spans_decades(trials: list[Any]) -> bool:
    return _positive_decades([each["score"] for each in trials])


def _positive_decades(values: list[float]) -> bool:
    return bool(values) and min(values) > 0 and max(values) / min(values) > 5
