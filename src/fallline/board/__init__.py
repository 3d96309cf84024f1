"""The board: a local page that follows the runs, studies and policies in a folder while they train."""

from fallline.board.app import create_app as create_app
from fallline.board.index import Index as Index
