"""Search: find the best recipe in a space, in batches that fill the machine."""

from fallline.searching.driver import Standing as Standing
from fallline.searching.search import search as search
from fallline.searching.study import Study as Study
from fallline.searching.trial import Trial as Trial
