"""The lab: update rules on surfaces, as data first, then as pictures and pages."""

from fallline.lab.walks import Walks as Walks
from fallline.lab.walks import walk as walk
