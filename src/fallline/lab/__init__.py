"""The lab: update rules on surfaces, as data first, then as pictures and pages."""

from fallline.lab.basins import Basins as Basins
from fallline.lab.basins import basins as basins
from fallline.lab.hypergradients import Hypergradients as Hypergradients
from fallline.lab.hypergradients import hypergradients as hypergradients
from fallline.lab.landscape import Landscape as Landscape
from fallline.lab.landscape import landscape as landscape
from fallline.lab.minima import minima_of as minima_of
from fallline.lab.picture import Picture as Picture
from fallline.lab.polishing import PolishedRecipe as PolishedRecipe
from fallline.lab.polishing import polish as polish
from fallline.lab.rates import Rates as Rates
from fallline.lab.rates import rate_sensitivity as rate_sensitivity
from fallline.lab.walks import Walks as Walks
from fallline.lab.walks import walk as walk
