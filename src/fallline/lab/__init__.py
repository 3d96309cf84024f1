"""The lab: update rules on surfaces, as data first, then as pictures and pages."""

from fallline.lab.basins import Basins as Basins
from fallline.lab.basins import basins as basins
from fallline.lab.boundaries import Boundaries as Boundaries
from fallline.lab.boundaries import boundaries as boundaries
from fallline.lab.capacity import Approximation as Approximation
from fallline.lab.capacity import Overfitting as Overfitting
from fallline.lab.capacity import approximation as approximation
from fallline.lab.capacity import overfitting as overfitting
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
from fallline.lab.units import Units as Units
from fallline.lab.units import units as units
from fallline.lab.walks import Walks as Walks
from fallline.lab.walks import walk as walk
