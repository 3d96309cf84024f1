"""Methods without gradients: `start(point, key) -> state`, `ask(state) -> candidates`, `tell(state, values) -> state`."""

from fallline.methods.base import Antithetic as Antithetic
from fallline.methods.base import Directions as Directions
from fallline.methods.base import Method as Method
from fallline.methods.base import MethodState as MethodState
from fallline.methods.base import Traceable as Traceable
from fallline.methods.covariance import CMAES as CMAES
from fallline.methods.differences import SPSA as SPSA
from fallline.methods.differences import FiniteDifference as FiniteDifference
from fallline.methods.evolution import OpenAIES as OpenAIES
from fallline.methods.networks import WithoutGradient as WithoutGradient
from fallline.methods.networks import as_optimizer as as_optimizer
from fallline.methods.search import ARS as ARS
from fallline.methods.search import BRS as BRS
