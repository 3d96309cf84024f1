"""Is a recipe sound? Its whole network's gradient, and what must hold before a long training."""

from fallline.checking.recipe import RecipeCheck as RecipeCheck
from fallline.checking.recipe import check_recipe as check_recipe
from fallline.checking.sanity import Finding as Finding
