"""The lab: update rules on surfaces, as data first, then as pictures and pages."""

from fallline.lab.basins import Basins as Basins
from fallline.lab.basins import basins as basins
from fallline.lab.compare import Comparison as Comparison
from fallline.lab.compare import compare as compare
from fallline.lab.minima import minima_of as minima_of
from fallline.lab.picture import Picture as Picture
from fallline.lab.rate_range import RateRange as RateRange
from fallline.lab.rate_range import learning_rate_range as learning_rate_range
from fallline.lab.rates import Rates as Rates
from fallline.lab.rates import rate_sensitivity as rate_sensitivity
from fallline.lab.trainability import Trainability as Trainability
from fallline.lab.trainability import trainability as trainability
from fallline.lab.walks import Walks as Walks
from fallline.lab.walks import walk as walk
