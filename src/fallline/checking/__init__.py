"""Checks of a recipe: the gradient of its whole network, and sanity checks before a long training."""

from fallline.checking.recipe import RecipeCheck as RecipeCheck
from fallline.checking.recipe import check_recipe as check_recipe
from fallline.checking.sanity import SanityResult as SanityResult
