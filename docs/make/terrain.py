"""Writes docs/pictures/terrain.html, the page inside docs/questions/optimizer.md: `python docs/make/terrain.py`.

Four rules walk down a ravine, each at its fastest rate. `tests/docs/test_pictures.py` fails if the page's style sheet or
scripts are no longer those of the lab.
"""

from pathlib import Path

import fallline as fl
from fallline.core.block import family
from fallline.lab.page import write_page

PAGE = Path(__file__).parents[1] / "pictures/terrain.html"
RULES = ("sgd", "momentum", "nesterov", "adam")
STEPS = 200


def main() -> None:
    surface = fl.surfaces.Ravine()
    best = fl.lab.rate_sensitivity(RULES, surface, steps=STEPS).best
    rules = {name: fl.replace(family("optimizer")[name](), {"learning_rate": best[name]}) for name in RULES}
    write_page(fl.lab.walk(rules, surface, steps=STEPS), PAGE)
    print(f"{PAGE.name}: {PAGE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
