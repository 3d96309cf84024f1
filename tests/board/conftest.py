"""What all tests of the board share."""

import pytest

from fallline.board import curves


@pytest.fixture(autouse=True)
def _answers_take_their_time(monkeypatch):
    """A busy machine may not change an answer: files are read until they have been read."""
    monkeypatch.setattr(curves, "READING", 60.0)
