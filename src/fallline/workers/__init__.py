"""Stateless work items on processes of this machine or on a Ray cluster; items lost to crashes or hangs are retried."""

from fallline.workers.pool import Workers as Workers
from fallline.workers.pool import finished as finished
