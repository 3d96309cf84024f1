"""From tables to arrays: read a source, recognise its columns, encode them once, split the rows."""

from .arrays import RawArrays as RawArrays
from .dataset import Dataset as Dataset
from .prediction import read_features as read_features
from .prediction import read_labelled as read_labelled
from .schema import Schema as Schema
from .sources import read as read
from .split import folds as folds
from .split import split as split
from .table import Table as Table
from .table import load as load
from .target import Target as Target
