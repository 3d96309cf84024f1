"""Tables that are read piece by piece, because they do not fit into memory: found, learnt, encoded, and put in order."""

from fallline.streams.stream import Stream as Stream
from fallline.streams.stream import scan as scan
