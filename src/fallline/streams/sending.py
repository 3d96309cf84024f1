"""A stream as another process can open it: its source, and what both passes have learnt, so that they are not made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fallline.streams.prepared import PreparedStream
from fallline.streams.stream import Stream, scan


@dataclass(frozen=True, eq=False)
class SentStream:
    """A stream that is sent to a process, here or on another machine that has the same files under the same paths.

    Attributes:
        source: the arguments with which `scan` makes it again, with whole paths.
        key: digest of the files, the wishes and the version.
        prepared: what both passes have learnt.
    """

    source: dict[str, Any]
    key: str
    prepared: PreparedStream

    def opened(self) -> Stream:
        """The stream, which reads blocks from this machine's cache or encodes them from this machine's files.

        Raises:
            FalllineError: the files are not there, or are others.
        """
        stream = scan(**self.source)
        stream.take(self.key, self.prepared)
        return stream


def sent(stream: Stream) -> SentStream:
    """What another process needs to open a stream."""
    source = stream.source["source"]
    whole = [_whole(each) for each in source] if isinstance(source, list) else _whole(source)
    return SentStream({**stream.source, "source": whole}, stream.key, stream.prepared)


def _whole(path: str) -> str:
    return str(Path(path).absolute())
