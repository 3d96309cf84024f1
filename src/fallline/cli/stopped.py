"""What a command says when Ctrl-C has ended it."""

from fallline.cli.signals import CTRL_C
from fallline.core.saying import say


def stopped() -> int:
    """Says it, and returns the exit code."""
    say("fallline: stopped")
    return CTRL_C
