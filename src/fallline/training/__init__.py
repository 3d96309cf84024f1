"""The run: a pure function of its hyperparameters, its data and a key."""

from fallline.training import ensemble as _ensemble
