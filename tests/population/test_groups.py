import jax
import numpy as np

from fallline.core.block import as_arrays, replace
from fallline.optimizers import SGD
from fallline.population.groups import group_recipes, rebuild
from fallline.scalers import Standardise


def leaves(recipe):
    return [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(as_arrays(recipe))]


def test_recipes_of_one_structure_form_a_group_in_the_order_of_their_first_members(rates, recipe):
    recipes = [*rates(2), replace(recipe, {"optimizer": SGD(0.1)}), *rates(2, batch_size=16), rates(3)[1]]
    groups = group_recipes(recipes)
    assert [group.members for group in groups] == [(0, 1, 5), (2,), (3, 4)]
    assert sum(groups[0].differ) == 1
    assert not any(groups[1].differ)


def test_every_recipe_is_rebuilt_from_its_own_leaves_and_the_common_ones(rates):
    recipes = [replace(each, {"optimizer.beta1": 0.8 + 0.01 * i}) for i, each in enumerate(rates(3))]
    (group,) = group_recipes(recipes)
    own, common = group.take([2, 0, 2])
    assert all(len(leaf) == 3 for leaf in own)
    assert len(own) == 2
    for place, recipe in enumerate([recipes[2], recipes[0], recipes[2]]):
        found = rebuild(group.structure, group.differ, [leaf[place] for leaf in own], common)
        assert leaves(found) == leaves(recipe)


def test_scalers_differ_where_their_numbers_do(rates, recipe):
    scaled = [replace(recipe, {"scaler": Standardise(clip=each)}) for each in (2.0, 3.0)]
    assert group_recipes(scaled)[0].scalers_differ
    assert not group_recipes(rates(2))[0].scalers_differ
