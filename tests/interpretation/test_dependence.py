"""Partial dependence by its definition: the mean answer after every row was given the value."""

import numpy as np
import polars as pl

from fallline.data.read_back import cells_of
from fallline.interpretation.answers import answered
from fallline.interpretation.dependence import dependence


def test_it_is_the_mean_answer_with_the_value_in_every_row(numbers):
    asked = answered(numbers.model, numbers.data.dataset, "test")
    rows = dependence(
        numbers.model, asked, cells_of(numbers.data.schema, asked.x), ["colour", "much", "day"], ["price"]
    )
    assert list(dict.fromkeys(row["column"] for row in rows)) == ["colour", "much"]  # dates are left out
    levels = {row["label"]: row["value"] for row in rows if row["column"] == "colour"}
    assert levels["red"] - levels["blue"] > 5  # red is worth 15
    x = asked.x.copy()
    place = numbers.data.feature_names.index("colour=red")
    colours = [k for k, name in enumerate(numbers.data.feature_names) if name.startswith("colour")]
    x[:, colours] = 0
    x[:, place] = 1
    assert np.isclose(levels["red"], numbers.model.answer(x)[0].mean(), rtol=1e-5)
    curve = pl.DataFrame([row for row in rows if row["column"] == "much"])
    assert curve["value"][-1] > curve["value"][0] + 10
    assert curve["place"].is_sorted()


def test_of_several_classes_those_that_change_are_followed(several):
    asked = answered(several.model, several.data.dataset, "test")
    names = [str(each) for each in several.data.classes]
    rows = dependence(several.model, asked, cells_of(several.data.schema, asked.x), ["much"], names)
    assert {row["answer"] for row in rows} == set(names)
    total = {}
    for row in rows:
        total[row["place"]] = total.get(row["place"], 0.0) + row["value"]
    np.testing.assert_allclose(list(total.values()), 1.0, atol=1e-5)
