"""A ten-layer network on digits with each activation, and with the initial weights that the activation declares.

    python benchmarks/activations.py [--rule momentum|adam] [--seeds 5] [--epochs 20]

Prints a Markdown table. Before the first step: the spread (standard deviation) of the outputs of hidden layers, the shares of
dead units and saturated outputs, and the size of the gradient in the first layer relative to the last hidden one. After the
last epoch: the test accuracy (mean and standard error over seeds) at a common learning rate, and at the best of five rates by
validation accuracy.
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
