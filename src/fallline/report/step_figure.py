"""The error of a numerical gradient against its step, as a figure."""

from fallline.drawing.curves import Series
from fallline.drawing.figure import Figure
from fallline.gradients import StepErrors


def step_figure(found: StepErrors) -> Figure:
    """The errors of forward and central differences over the step, with the default step marked.

    Arguments:
        found: the result of `fallline.gradients.step_errors`.
    """
    return Figure(
        "Error of a numerical gradient against the step",
        "To the right the error falls with h, as h and as h²: truncation. To the left it rises as 1/h: rounding.",
        "step h",
        "relative error of the gradient",
        (
            Series("forward difference", found.steps, found.forward, "valid"),
            Series("central difference", found.steps, found.central, "train"),
        ),
        log_x=True,
        log_y=True,
        mark=(found.chosen, f"taken by default: error {found.chosen_error:.0e}"),
    )
