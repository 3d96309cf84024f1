"""Calendars by whole-number operators, against NumPy's."""

import numpy as np
import onnxruntime
import polars as pl

from fallline.data.columns import Column
from fallline.data.schema import Schema
from fallline.data.target import Target
from fallline.onnx import Graph, feed
from fallline.onnx.columns import encode
from fallline.onnx.inputs import inputs_of


def test_every_part_of_a_date_is_that_of_the_schema():
    rng = np.random.default_rng(0)
    days = np.arange("1895-01-01", "2105-01-01", dtype="datetime64[D]")
    far = rng.integers(-700_000, 2_900_000, 5000).astype("datetime64[D]")
    instants = np.concatenate([days, far]).astype("datetime64[us]")
    instants = instants + rng.integers(0, 86_400_000_000, len(instants)).astype("timedelta64[us]")
    instants[::50] = np.datetime64("NaT", "us")
    frame = pl.DataFrame({"when": instants})
    column = Column("when", "date", indicator=True, hour=True, origin=-3.0)
    schema = Schema((column,), Target(("y",), "regression"))
    graph = Graph(reserved=("when",))
    graph.op("Identity", encode(graph, inputs_of(schema)), name="y")
    graph.output("y", np.float32, 7, "")
    session = onnxruntime.InferenceSession(graph.to_bytes("", {}), providers=["CPUExecutionProvider"])
    found = session.run(None, feed(schema, frame))[0]
    np.testing.assert_array_equal(found, schema.encode(frame))
    taken = {"when": instants.astype(np.int64)[:, None]}  # NumPy's NaT is the missing date
    np.testing.assert_array_equal(found, session.run(None, taken)[0])
