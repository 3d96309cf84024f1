"""What the page takes for granted: a trained run of two classes."""

import fallline as fl

data = fl.load("sklearn:breast_cancer")
run = fl.train(fl.Recipe(model=fl.MLP((8,)), encoding=None, epochs=5), data)
