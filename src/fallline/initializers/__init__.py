"""Initial weights: `(key, shape) -> array`, shape = (inputs, outputs)."""

from fallline.initializers.balanced import GlorotNormal as GlorotNormal
from fallline.initializers.balanced import GlorotUniform as GlorotUniform
from fallline.initializers.balanced import InverseSqrtFan as InverseSqrtFan
from fallline.initializers.balanced import LeCunNormal as LeCunNormal
from fallline.initializers.balanced import LeCunUniform as LeCunUniform
from fallline.initializers.base import Fans as Fans
from fallline.initializers.base import Initializer as Initializer
from fallline.initializers.base import fans_of as fans_of
from fallline.initializers.constant import Filled as Filled
from fallline.initializers.constant import SmallNormal as SmallNormal
from fallline.initializers.constant import Zeros as Zeros
from fallline.initializers.orthogonal import Orthogonal as Orthogonal
from fallline.initializers.rectified import HeNormal as HeNormal
from fallline.initializers.rectified import HeUniform as HeUniform
