"""The run: a pure function of its hyperparameters, its data and a key."""
