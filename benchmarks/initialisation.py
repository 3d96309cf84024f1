"""A ten-layer network on digits with each initialiser, of ReLU and of tanh units.

    python benchmarks/initialisation.py [--rule momentum|adam] [--seeds 5] [--epochs 20]

Prints one Markdown table per activation, with the columns of `activations.py`. An initialiser that gives all units of a layer
the same weights is refused, and the refusal is printed in place of its numbers.
"""

from deep import arguments, digits, head, hidden, line, look, train

from fallline.activations import ReLU, Tanh
from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.initializers import SmallNormal

# Uniform and normal draws of equal variance make no difference in ten layers, so one of each pair is enough.
TWINS = ("lecun_uniform", "glorot_uniform", "he_uniform")


def main() -> None:
    given = arguments(__doc__)
    data = digits()
    kinds = {name: cls() for name, cls in sorted(family("initializer").items()) if name not in TWINS}
    kinds["small_normal, std 1"] = SmallNormal(1.0)
    for activation in (ReLU(), Tanh()):
        models, refused = {}, {}
        for name, kind in kinds.items():
            try:
                models[name] = hidden(activation=activation, initializer=kind)
            except FalllineError as error:
                refused[name] = str(error)
        trained = train(list(models.values()), data, given.rule, given.epochs, given.seeds)
        print(f"\n{activation.name}\n\n{head('initial weights')}")
        for (name, model), result in zip(models.items(), trained, strict=True):
            print(line(name, look(model, data, given.seeds), result), flush=True)
    print()
    for sentence in refused.values():
        print(f"Refused: {sentence}")


if __name__ == "__main__":
    main()
