"""The contract of every family of blocks, as checks for the built-in blocks and for a user's own.

`check(block)` runs all checks of the block's family; `checks(block)` returns them one by one, for a parametrised test.
Nothing here needs pytest.
"""

import fallline.testing.activations
import fallline.testing.callbacks
import fallline.testing.common
import fallline.testing.encodings
import fallline.testing.findings
import fallline.testing.initializers
import fallline.testing.layers
import fallline.testing.losses
import fallline.testing.methods
import fallline.testing.namespaces
import fallline.testing.optimizers
import fallline.testing.penalties
import fallline.testing.probes
import fallline.testing.pruners
import fallline.testing.recorded
import fallline.testing.scalers
import fallline.testing.schedules
import fallline.testing.strategies
import fallline.testing.surfaces
from fallline.testing.base import Check as Check
from fallline.testing.base import check as check
from fallline.testing.base import checks as checks
