"""Penalties: `(params) -> scalar`, added to the mean loss once per step and never divided by the batch."""

from fallline.penalties.base import Penalty as Penalty
from fallline.penalties.base import weights as weights
from fallline.penalties.bounds import MaxNorm as MaxNorm
from fallline.penalties.bounds import Penalties as Penalties
from fallline.penalties.norms import L1 as L1
from fallline.penalties.norms import L2 as L2
from fallline.penalties.norms import ElasticNet as ElasticNet
