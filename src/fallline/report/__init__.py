"""A run as figures and as one self-contained HTML page; figures are computed as data first and drawn last."""

from .figures import Figure as Figure
from .figures import Series as Series
from .figures import curves_of as curves_of
from .page import report as report
from .page import write_report as write_report
