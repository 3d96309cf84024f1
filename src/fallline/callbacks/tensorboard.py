"""Event files for TensorBoard."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from fallline.callbacks.base import Begun, Callback, Ended
from fallline.core.errors import FalllineError
from fallline.core.extras import optional
from fallline.core.field import structure


class TensorBoard(Callback):
    """Writes event files that `tensorboard --logdir FOLDER` shows: every column of the history, trials, final metrics.

    Every training and every search gets a subfolder of its own, named after its table. The columns of a layer are grouped:
    `dense_1.dead` is written as `dead/dense_1`. Needs `pip install "fallline[tensorboard]"`, the writer of tensorboardX.

    >>> TensorBoard("logs").folder
    'logs'
    """

    name: ClassVar[str] = "tensorboard"
    needs: ClassVar[str] = "tensorboardX"
    folder: str = structure("tensorboard", convert=str, help="folder of the event files; every run gets a subfolder")

    def begin(self, begun: Begun) -> Any:
        writers = optional("tensorboardX", "tensorboard", "The callback TensorBoard")
        home = _free(Path(self.folder), begun.name)
        try:
            writer = writers.SummaryWriter(str(home))
        except OSError as error:
            raise FalllineError(
                f"folder {str(home)!r} cannot be written to: {error.strerror}; give TensorBoard another folder"
            ) from None
        lines = [
            "| setting | value |",
            "|---|---|",
            *(f"| {path} | {value} |" for path, value in begun.settings.items()),
        ]
        writer.add_text("settings", "\n".join(lines))
        return writer

    def epoch(self, state: Any, number: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if name != "epoch" and math.isfinite(value):  # a column without validation rows is NaN
                state.add_scalar(tag_of(name), float(value), number)
        state.flush()

    def trial(self, state: Any, number: int, values: Mapping[str, Any], scores: Mapping[str, Any]) -> None:
        for name, value in scores.items():
            if isinstance(value, int | float) and math.isfinite(value):
                state.add_scalar(f"trial/{name}", float(value), number)
        for name, value in values.items():
            if isinstance(value, int | float):
                state.add_scalar(f"value/{name}", float(value), number)
        state.flush()

    def end(self, state: Any, ended: Ended) -> None:
        for split, metrics in ended.metrics.items():
            for name, value in metrics.items():
                if math.isfinite(value):
                    state.add_scalar(f"final/{split}_{name}", float(value), 0)
        state.add_text("outcome", ended.outcome)
        state.close()


def tag_of(column: str) -> str:
    """The tag of a column of the history.

    >>> tag_of("valid_loss"), tag_of("dense_1.dead")
    ('valid_loss', 'dead/dense_1')
    """
    layer, _, probe = column.rpartition(".")
    return f"{probe}/{layer}" if layer else column


def _free(folder: Path, name: str) -> Path:
    """The first subfolder of this name that is not there yet."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")[:60] or "run"
    count = 1
    while (folder / f"{safe}-{count}").exists():
        count += 1
    return folder / f"{safe}-{count}"
