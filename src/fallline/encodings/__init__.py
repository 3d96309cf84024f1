"""Encodings: inputs of a network made of its numbers, so that bends and steps are learned quickly."""

from fallline.encodings.auto import AutoEncoding as AutoEncoding
from fallline.encodings.base import Encoding as Encoding
from fallline.encodings.columns import distinct_values as distinct_values
from fallline.encodings.columns import worth_encoding as worth_encoding
from fallline.encodings.inputs import Embedding as Embedding
from fallline.encodings.inputs import Inputs as Inputs
from fallline.encodings.inputs import layers_of as layers_of
from fallline.encodings.periodic import Periodic as Periodic
from fallline.encodings.piecewise import PiecewiseEmbedding as PiecewiseEmbedding
from fallline.encodings.piecewise import PiecewiseLinear as PiecewiseLinear
from fallline.encodings.several import Encodings as Encodings
from fallline.encodings.several import InputScales as InputScales
