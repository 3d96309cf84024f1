"""`population = vmap(train)(recipes, data, keys)`: many runs as one program."""

from fallline.population.evaluate import evaluate as evaluate
from fallline.population.table import Population as Population
