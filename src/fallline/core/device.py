"""The kind of device that JAX computes on, chosen before JAX starts."""

import os

from fallline.core.errors import FalllineError

PLATFORMS = {"cpu": "cpu", "gpu": "gpu,cpu"}  # the first is used; beside a GPU the processor stays visible
VARIABLE = "JAX_PLATFORMS"


def use_device(name: str | None) -> None:
    """Compute on this kind of device, here and in the processes that this one starts.

    Arguments:
        name: cpu or gpu; None leaves the choice to JAX, which takes a GPU if it finds one.

    Raises: FalllineError for another name, for a device that JAX does not find, and if JAX already computes on another.

    >>> use_device("abacus")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: device 'abacus' is unknown: expected cpu or gpu
    """
    if name is None:
        return
    if name not in PLATFORMS:
        raise FalllineError(f"device {name!r} is unknown: expected {' or '.join(PLATFORMS)}")
    before, os.environ[VARIABLE] = os.environ.get(VARIABLE), PLATFORMS[name]
    try:
        _start(name)
    except FalllineError:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before
        raise


def _start(name: str) -> None:
    import jax

    from fallline.core.runtime import configure

    before = jax.config.jax_platforms
    jax.config.update("jax_platforms", PLATFORMS[name])
    configure()
    try:
        found = jax.devices()[0].platform
    except RuntimeError:  # the backend does not exist, or its driver does not answer
        jax.config.update("jax_platforms", before)
        raise FalllineError(
            f"JAX finds no {name} here: `fallline doctor --system` says what it finds; leave --device out to use that"
        ) from None
    if found != name:
        jax.config.update("jax_platforms", before)
        raise FalllineError(f"JAX already computes on a {found} in this process: choose the {name} before JAX starts")
