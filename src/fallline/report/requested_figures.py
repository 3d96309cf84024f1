"""Charts of what is trained on request: columns left out, fewer rows, shuffled targets, groups left out."""

from fallline.interpretation import Interpretation
from fallline.report.markup import Html


def requested_figures(found: Interpretation) -> list[Html]:
    """The charts that were asked for."""
    return []
