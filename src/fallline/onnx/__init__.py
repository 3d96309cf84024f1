"""Exports a trained model as one ONNX graph, from the table's columns to the answer.

The ONNX operators of each block are defined here and not in the block's file, in one table per family (`scaler_form`,
`inverse_form`, `layer_form`, `activation_form`, `answer_form`). A user's own block is added with `register`.
"""

from fallline.onnx.activations import activation_form as activation_form
from fallline.onnx.answers import answer_form as answer_form
from fallline.onnx.encodings import codes_form as codes_form
from fallline.onnx.encodings import embed_form as embed_form
from fallline.onnx.export import Export as Export
from fallline.onnx.export import to_onnx as to_onnx
from fallline.onnx.feed import feed as feed
from fallline.onnx.graph import Graph as Graph
from fallline.onnx.layers import layer_form as layer_form
from fallline.onnx.scalers import inverse_form as inverse_form
from fallline.onnx.scalers import scaler_form as scaler_form
