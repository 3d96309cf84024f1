"""Stateless items of work on processes of this machine or on a Ray cluster; what dies or hangs is done again."""

from fallline.workers.pool import Workers as Workers
from fallline.workers.pool import finished as finished
