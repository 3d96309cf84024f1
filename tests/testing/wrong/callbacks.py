"""Callbacks that lack a property, and what their check says of each."""

from fallline.callbacks import Callback


class Failing(Callback):
    """A callback that ends the training by an error."""

    def epoch(self, state, number, values):
        raise OSError("the disk is full")


class Talking(Callback):
    """A callback that answers with a word."""

    def epoch(self, state, number, values):
        return "stop"


WRONG = [
    (Failing(), "keeps_the_run", "the disk is full"),
    (Talking(), "answers", "it returns 'stop'"),
]
