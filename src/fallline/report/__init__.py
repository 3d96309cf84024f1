"""A run as one self-contained HTML page; figures are computed as data first and drawn last."""

from fallline.drawing.curves import Series as Series
from fallline.drawing.figure import Figure as Figure
from fallline.training.curves import curves_of as curves_of

from .page import report as report
from .page import write_report as write_report
