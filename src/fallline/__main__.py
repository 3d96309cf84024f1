"""`python -m fallline`."""

from fallline.cli.main import run

run()
