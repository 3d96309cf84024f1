"""Predictions of few rows without JAX: a network is recorded when it is saved, as operations of NumPy."""

from fallline.serving.served import Served as Served
from fallline.serving.served import find_served as find_served
from fallline.serving.served import load_served as load_served
