"""`fallline export`: writes a trained model for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import give, say

Opt = typer.Option


def export(
    model: Annotated[Path, typer.Argument(help="run folder or model.safetensors")],
    onnx: Annotated[Path, Opt(help="the file to write, for ONNX Runtime")],
    inputs: Annotated[str, Opt(help="auto, columns (one input per column) or array (a single input X)")] = "auto",
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Write a model, preprocessing included, as one ONNX file."""
    from fallline.onnx.export import to_onnx
    from fallline.training.model_file import load_predictor

    done = to_onnx(load_predictor(model), onnx, inputs=inputs)
    if json:
        give(
            {
                "model": str(model),
                "onnx": str(done.path),
                "inputs": done.inputs,
                "outputs": list(done.outputs),
                "difference": done.difference,
            }
        )
        return 0
    width = max(map(len, done.inputs))
    say(f"{done.path}: {len(done.inputs)} inputs, outputs {' and '.join(done.outputs)}")
    for name, about in done.inputs.items():
        say(f"  {name.ljust(width)}  {about}")
    if done.difference is None:
        say('Not compared with the model, which needs the package onnxruntime: pip install "fallline[onnx]"')
    else:
        say(f"ONNX Runtime's answers differ from the model's by {done.difference:.1e} at most, on rows made up for it.")
    return 0
