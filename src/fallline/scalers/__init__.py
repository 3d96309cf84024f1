"""Scalers: `fit(x, weight) -> stats` on a run's own training rows, `apply(stats, x)` on every minibatch.

Missing values (NaN) are filled with the column's centre: they are left out of the fit and do not move the centre.
"""

from fallline.scalers.base import BLOCK as BLOCK
from fallline.scalers.base import Affine as Affine
from fallline.scalers.base import Scaler as Scaler
from fallline.scalers.base import Stats as Stats
from fallline.scalers.base import column_sums as column_sums
from fallline.scalers.bins import Bins as Bins
from fallline.scalers.logarithm import Log as Log
from fallline.scalers.principal import PCA as PCA
from fallline.scalers.principal import Whiten as Whiten
from fallline.scalers.ranges import MinMax as MinMax
from fallline.scalers.ranges import Pixels as Pixels
from fallline.scalers.ranges import Robust as Robust
from fallline.scalers.smooth import QuantileNormal as QuantileNormal
from fallline.scalers.smooth import SmoothClip as SmoothClip
from fallline.scalers.standard import Centre as Centre
from fallline.scalers.standard import PerMean as PerMean
from fallline.scalers.standard import Standardise as Standardise
from fallline.scalers.standard import Unscaled as Unscaled
