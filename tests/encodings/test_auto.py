"""The encoding that a recipe has by default: what it chooses, where it is written, and who keeps none."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.encodings.columns import distinct_values
from fallline.training.folder import Plan, plan_to_toml, read_plan
from fallline.training.recipe import complete_for, recipe_from_plain, recipe_to_plain

RNG = np.random.default_rng(0)


def table(numbers: int, codes: int = 1) -> fl.Table:
    x = np.column_stack([RNG.normal(size=(120, numbers)), RNG.integers(0, 2, (120, codes))])
    return fl.Table.from_arrays(x.astype(np.float32), np.abs(x[:, 0]))


def test_the_recipe_of_a_run_names_the_columns_that_were_encoded():
    done = complete_for(fl.Recipe(), table(3).dataset)
    assert done.encoding == fl.PiecewiseLinear(16, by="even", columns=(0, 1, 2))
    assert recipe_from_plain(recipe_to_plain(done)) == done
    assert complete_for(done, table(3).dataset) == done


def test_wide_tables_and_tables_without_numbers_keep_their_columns():
    assert complete_for(fl.Recipe(), table(51).dataset).encoding is None
    assert complete_for(fl.Recipe(encoding=fl.AutoEncoding(most=51)), table(51).dataset).encoding is not None
    assert complete_for(fl.Recipe(), table(0, codes=4).dataset).encoding is None
    assert complete_for(fl.Recipe(), fl.load("sklearn:digits").dataset).encoding is None


def test_beside_other_encodings():
    both = fl.Encodings((fl.AutoEncoding(bins=4), fl.InputScales()))
    done = complete_for(fl.Recipe(encoding=both), table(2).dataset).encoding
    assert done == fl.Encodings((fl.PiecewiseLinear(4, by="even", columns=(0, 1)), fl.InputScales()))
    assert complete_for(fl.Recipe(encoding=fl.Encodings((fl.AutoEncoding(),))), table(0).dataset).encoding is None


def test_a_recipe_of_an_earlier_version_has_none_and_a_short_file_the_default(tmp_path):
    plain = recipe_to_plain(fl.Recipe(epochs=7))
    del plain["encoding"], plain["calibrate"]
    assert recipe_from_plain(plain).encoding is None
    path = tmp_path / "recipe.toml"
    path.write_text("epochs = 7\n")
    assert read_plan(path).recipe.encoding == fl.AutoEncoding()
    path.write_text(plan_to_toml(Plan(fl.Recipe(encoding=None), {}, 0)))
    assert read_plan(path).recipe.encoding is None
    path.write_text('encoding = "auto"\n')
    assert read_plan(path).recipe.encoding == fl.AutoEncoding()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_takes_it_by_name():
    x = RNG.normal(size=(80, 2))
    fitted = fl.MLPRegressor(hidden_layer_sizes=(4,), encoding="auto", max_iter=3).fit(x, np.abs(x[:, 0]))
    assert fitted.coefs_[0].shape == (2 + 2 * 16, 4)
    assert fl.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3).fit(x, x[:, 0]).coefs_[0].shape == (2, 4)


@pytest.mark.parametrize(("words", "said"), [({"bins": 0}, "bins"), ({"most": -1}, "columns"), ({"bins": 2.5}, "bins")])
def test_bad_fields(words, said):
    with pytest.raises(FalllineError, match=said):
        fl.AutoEncoding(**words)


def test_missing_values_do_not_count():
    x = np.array([[0.0, 1.0, 2.0, np.nan], [0.0, np.nan, 1.0, 1.0]]).T
    placed = fl.AutoEncoding().placed(distinct_values(x), np.ones(2, bool))
    assert placed is not None
    assert placed.named() == (0,)
