"""Optional packages, each needed by one part of Fallline and imported where that part is used.

Each is an extra of the distribution, so that a plain `pip install fallline` stays small.
"""

import importlib
from typing import Any

from fallline.core.errors import FalllineError


def optional(module: str, extra: str, purpose: str) -> Any:
    """Import the optional package `module`, which `extra` installs.

    Arguments:
        module: import name of the package.
        extra: the extra of Fallline that installs it.
        purpose: the feature that needs it, as the subject of the error message.

    Raises: FalllineError if it is not installed, or if its own import fails.

    >>> optional("json", "json", "this example").dumps([1])
    '[1]'
    >>> optional("no_such_package", "some", "This example")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: This example needs the package no_such_package: pip install "fallline[some]"
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name == module.partition(".")[0]:
            raise FalllineError(missing(module, extra, purpose)) from None
        reason: ImportError = error
    except ImportError as error:
        reason = error
    raise FalllineError(
        f'{purpose} needs the package {module}, and its import fails ({reason}): repair it with pip install "fallline[{extra}]"'
    ) from reason


def missing(module: str, extra: str, purpose: str) -> str:
    """The error message that tells how to install a missing package.

    >>> missing("ray", "ray", "Working on Ray")
    'Working on Ray needs the package ray: pip install "fallline[ray]"'
    """
    return f'{purpose} needs the package {module.partition(".")[0]}: pip install "fallline[{extra}]"'
