"""`fallline doctor --system`: what this machine has for Fallline."""

from typing import Any

from fallline.cli.output import give, say
from fallline.core.budget import bytes_of


def tell_system(json: bool) -> None:
    """Print the machine's facts, as lines or as one JSON document."""
    from fallline.core.system import system

    found = system()
    if json:
        give(found)
        return
    print("\n".join(page(found)))
    for sentence in found["notes"]:
        say(f"warning: {sentence}")


def page(found: dict[str, Any]) -> list[str]:
    """The facts as lines for a terminal."""
    devices = [
        f"{each['count']} x {each['kind']} ({each['platform']}{_room(each['memory'])})" for each in found["devices"]
    ]
    memory, cache = found["memory"], found["cache"]
    rows = {
        "Fallline": f"{found['fallline']}, Python {found['python']}",
        "machine": found["machine"],
        "devices": ", ".join(devices) or "none",
        "products": f"precision {found['matmul_precision']}",
        "cores": str(found["cores"]),
        "memory": f"{_size(memory['total'])}, {_size(memory['free'])} free",
        "programs": f"{cache['programs']} compiled, {bytes_of(cache['bytes'])}, in {cache['folder']}",
        "packages": _versions(found["packages"]),
        "plugins": _versions(found["plugins"]) or "none",
        "extras": _versions(found["extras"]) or "none",
    }
    return [f"{name:<10}{value}" for name, value in rows.items()]


def _versions(found: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {version or 'not installed'}" for name, version in found.items())


def _room(memory: int | None) -> str:
    return "" if memory is None else f", {bytes_of(memory)}"


def _size(memory: int | None) -> str:
    return "unknown" if memory is None else bytes_of(memory)
