"""Search strategies: `propose(space, trial_history, numbers, seed) -> points`, each a block; and early pruning.

A strategy keeps nothing between batches. Its random draws for a trial depend on the study's seed and the trial's number, so a
study that is interrupted and resumed, or shared by several processes, makes the same proposals as an undisturbed one.
"""

from fallline.strategies.base import Strategy as Strategy
from fallline.strategies.coarse_to_fine import CoarseToFine as CoarseToFine
from fallline.strategies.grid import Grid as Grid
from fallline.strategies.halving import Halving as Halving
from fallline.strategies.history import TrialHistory as TrialHistory
from fallline.strategies.optuna import OptunaSampler as OptunaSampler
from fallline.strategies.random import Random as Random
from fallline.strategies.sobol import Sobol as Sobol
from fallline.strategies.space import Space as Space
from fallline.strategies.space import space_from as space_from
from fallline.strategies.tpe import TPE as TPE
