"""What the page takes for granted: a recipe and data."""

import fallline as fl

data = fl.load("sklearn:iris")
recipe = fl.Recipe(model=fl.MLP((8,)), encoding=None, epochs=2)
