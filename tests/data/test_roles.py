"""Columns that say how rows are divided and weighed: judged by the properties of scikit-learn's splitters."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, TimeSeriesSplit

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.data.dividing import in_two, pairs_of
from fallline.data.ordered_split import fold_time, split_groups, split_time
from fallline.data.schema import Schema

N = 240
RANDOM = np.random.default_rng(3)
FRAME = pl.DataFrame(
    {
        "a": RANDOM.normal(size=N),
        "b": RANDOM.normal(size=N),
        "who": [f"p{each}" for each in RANDOM.integers(0, 40, N)],
        "day": [f"{1 + i % 28}.{1 + i // 28}.2024" for i in RANDOM.permutation(N)],
        "w": RANDOM.integers(1, 5, N),
        "price": RANDOM.exponential(size=N),
        "label": RANDOM.choice(["low", "mid", "high"], N, p=[0.6, 0.3, 0.1]),
    }
)


def sets(table: fl.Table) -> list[np.ndarray]:
    data = table.dataset
    return [data.train, data.valid, data.test]


@given(sizes=st.lists(st.integers(1, 30), min_size=3, max_size=40), k=st.integers(2, 3), seed=st.integers(0, 99))
def test_no_group_is_divided_and_no_set_is_empty(sizes: list[int], k: int, seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)) * 7 - 3, sizes))
    parts = split_groups(groups, None, (1 / k,) * k, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(groups)))
    assert all(len(part) for part in parts)
    assert sum(len(set(groups[part])) for part in parts) == len(sizes)
    largest = max(len(held) for _, held in GroupKFold(k).split(groups, groups=groups))
    assert max(map(len, parts)) <= largest + max(sizes)


def test_classes_are_as_even_as_stratified_group_folds() -> None:
    groups, classes = FRAME["who"].rank("dense").to_numpy(), FRAME["label"].rank("dense").to_numpy().astype(int)

    def uneven(parts: list[np.ndarray]) -> float:
        shares = np.array([np.bincount(classes[part], minlength=4)[1:] / len(part) for part in parts])
        return float(shares.std(axis=0).max())

    ours = uneven(split_groups(groups, classes, (0.25,) * 4, 0))
    theirs = uneven([held for _, held in StratifiedGroupKFold(4).split(groups, classes, groups)])
    assert ours < theirs + 0.02


def test_very_many_groups_are_divided_by_chance() -> None:
    groups = np.random.default_rng(0).integers(0, 60_000, 100_000)
    parts = split_groups(groups, None, (0.7, 0.1, 0.2), 0)
    assert [round(len(part) / len(groups), 2) for part in parts] == [0.7, 0.1, 0.2]
    assert len(set(groups[parts[0]]) & set(groups[parts[2]])) == 0


@given(n=st.integers(12, 80), k=st.integers(2, 5))
def test_folds_by_time_are_those_of_scikit_learn(n: int, k: int) -> None:
    for (train, held), (a, b) in zip(
        fold_time(np.arange(float(n)), k), TimeSeriesSplit(k).split(np.zeros(n)), strict=True
    ):
        assert train.tolist() == a.tolist()
        assert held.tolist() == b.tolist()


@given(times=st.lists(st.integers(0, 9), min_size=20, max_size=60).filter(lambda each: len(set(each)) > 3))
def test_no_instant_is_on_two_sides(times: list[int]) -> None:
    time = np.array(times, float)
    train, valid, test = split_time(time, 0.2, 0.1)
    assert len(train) + len(valid) + len(test) == len(time)
    assert time[train].max() < time[valid].min()
    assert time[valid].max() < time[test].min()
    for before, after in fold_time(time, 2):
        assert time[before].max() < time[after].min()


def test_groups_are_no_feature_and_stay_together_in_splits_and_folds() -> None:
    table = fl.load(FRAME.drop("day", "w", "price"), "label", groups="who")
    assert table.feature_names == ("a", "b")
    who = FRAME["who"].to_numpy()
    train, valid, test = (set(who[rows]) for rows in sets(table))
    assert not train & valid | train & test | valid & test
    data, rows = table.dataset, np.concatenate(sets(table)[:2])
    held = []
    for one, other in [*pairs_of(data, rows, 5), in_two(data, rows, 0.2, 0)]:
        assert not set(who[one]) & set(who[other])
        held += other.tolist()
    assert sorted(held[: len(rows)]) == sorted(rows.tolist())


def test_time_is_read_as_dates_and_divides_rows(tmp_path) -> None:
    FRAME.drop("who", "w", "price").write_csv(tmp_path / "t.csv")
    table = fl.load(tmp_path / "t.csv", "label", time="day")
    assert table.feature_names == ("a", "b")
    day = FRAME["day"].str.to_date("%d.%m.%Y").to_physical().to_numpy()
    train, valid, test = (day[rows] for rows in sets(table))
    assert train.max() < valid.min() <= valid.max() < test.min()
    assert len(test) == N // 5
    assert fl.load(**table.source).fingerprint == table.fingerprint


@pytest.mark.parametrize("column", ["label", "who", "price"])
def test_every_split_has_the_same_shares_of_a_column(column: str) -> None:
    table = fl.load(FRAME.select("a", "b", "price", "label", "who"), "price", stratify=column)
    ranks = FRAME[column].rank("dense").to_numpy()
    strata = ((ranks - 1) * 10 // N if column == "price" else ranks).astype(int)
    for rows, share in zip(sets(table), (0.7, 0.1, 0.2), strict=True):
        counts = np.bincount(strata[rows], minlength=strata.max() + 1)
        assert np.abs(counts - share * np.bincount(strata)).max() <= 2


def test_groups_stay_together_while_the_shares_of_a_column_are_kept() -> None:
    chance = np.random.default_rng(3)
    groups = np.repeat(np.arange(80), chance.integers(1, 9, 80))
    region = np.array(["north", "south", "south", "east"])[chance.integers(0, 4, 80)][groups]  # one for each group
    frame = pl.DataFrame({"x": chance.normal(size=len(groups)), "who": groups, "region": region,
                          "y": chance.normal(size=len(groups))})  # fmt: skip
    uneven = {}
    for stratify in ("region", "none"):
        table = fl.load(frame, "y", groups="who", stratify=stratify)
        held = [rows for _, rows in pairs_of(table.dataset, np.arange(len(groups)), 4)]
        for parts, shares in ((sets(table), (0.7, 0.1, 0.2)), (held, (0.25,) * 4)):
            assert sum(len(set(groups[part])) for part in parts) == 80
            codes = np.unique(region, return_inverse=True)[1]
            counts = [np.bincount(codes[part], minlength=3) - share * np.bincount(codes)
                      for part, share in zip(parts, shares, strict=True)]  # fmt: skip
            uneven.setdefault(stratify, []).append(np.abs(counts).max())
    # No group has more than 8 rows, so that no share need be missed by more.
    assert max(uneven["region"]) <= 8
    assert all(a < b for a, b in zip(uneven["region"], uneven["none"], strict=True))


def test_classes_are_even_by_default_and_chance_decides_without() -> None:
    uneven = {}
    for stratify in (None, "none"):
        table = fl.load(FRAME.select("a", "b", "label"), "label", stratify=stratify)
        y = table.dataset.y
        counts = [np.bincount(y[rows], minlength=3) - len(rows) / N * np.bincount(y) for rows in sets(table)]
        uneven[stratify] = np.abs(counts).max()
    assert uneven[None] <= 1 < uneven["none"]


def test_weights_are_no_feature_and_weigh_rows_of_every_source(tmp_path) -> None:
    frame = FRAME.select("a", "b", "w", "label")
    frame[:40].write_csv(tmp_path / "test.csv")
    table = fl.load(frame, "label", weights="w", test_source=str(tmp_path / "test.csv"))
    assert table.feature_names == ("a", "b")
    assert table.dataset.weight.tolist() == [*frame["w"].to_list(), *frame["w"][:40].to_list()]
    again = Schema.from_dict(table.schema.to_dict())
    assert again == table.schema
    assert dict(again.roles) == {"weights": "w"}
    assert again.encode(frame.drop("w", "label")).shape == (N, 2)


@pytest.mark.parametrize("kind", ["frame", "csv", "npz"])
def test_rows_without_a_target_are_left_out_on_request(tmp_path, kind: str) -> None:
    frame = FRAME.select("a", "b", "price").with_columns(
        pl.when(pl.int_range(pl.len()) % 8 == 0).then(None).otherwise(pl.col("price")).alias("price")
    )
    source = {"frame": frame, "csv": str(tmp_path / "t.csv"), "npz": str(tmp_path / "t.npz")}[kind]
    frame.write_csv(tmp_path / "t.csv")
    np.savez(tmp_path / "t.npz", X=frame.select("a", "b").to_numpy(), y=frame["price"].to_numpy())
    target = None if kind == "npz" else "price"
    with pytest.raises(FalllineError, match=r"30 missing values.*--drop-missing-target"):
        fl.load(source, target)
    table = fl.load(source, target, drop_missing_target=True)
    assert len(table.dataset.y) == N - 30
    assert kind == "npz" or any("30 of 240 rows" in each for each in table.warnings)


REFUSED = {
    "unknown": ({"groups": "whoo"}, "no column 'whoo' for the groups of rows: did you mean 'who'"),
    "target": ({"weights": "label"}, "is the target"),
    "twice": ({"groups": "who", "weights": "who"}, "two roles"),
    "time and groups": ({"groups": "who", "time": "day"}, "both say how rows are divided"),
    "text as weights": ({"weights": "who"}, "holds text such as"),
    "text as time": ({"time": "who"}, "write dates or numbers"),
    "negative weights": ({"weights": "a"}, "negative"),
    "unknown stratum": ({"stratify": "labell"}, "to stratify by"),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_said(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        fl.load(FRAME, "label", **given)


def test_arrays_have_no_such_columns() -> None:
    with pytest.raises(FalllineError, match="holds arrays without a column for groups"):
        fl.load("sklearn:iris", groups="who")
