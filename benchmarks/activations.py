"""A ten-layer network on digits with each activation, begun with the initial weights that the activation declares.

    python benchmarks/activations.py [--rule momentum|adam] [--seeds 5] [--epochs 20]

Prints a Markdown table: the spread (standard deviation) of the outputs of hidden layers, dead units, saturated outputs and
the gradient's size in the first layer over that in the last hidden one, all before the first step; then the test accuracy
after the last epoch, at one learning rate for all and at the one of five that was best on the validation rows, mean and
standard error over seeds.
"""

from deep import arguments, digits, head, hidden, line, look, train

from fallline.core.block import family


def main() -> None:
    given = arguments(__doc__)
    data = digits()
    kinds = {name: cls() for name, cls in sorted(family("activation").items())}
    models = {name: hidden(activation=kind) for name, kind in kinds.items()}
    print(head("activation, initial weights"))
    trained = train(list(models.values()), data, given.rule, given.epochs, given.seeds)
    for (name, model), result in zip(models.items(), trained, strict=True):
        print(line(f"{name}, {kinds[name].initializer}", look(model, data, given.seeds), result), flush=True)


if __name__ == "__main__":
    main()
