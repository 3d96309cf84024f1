"""What words mean that are no blocks, and where each is answered: blocks to explain, and a command to try."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Concept:
    """A word of the field.

    Attributes:
        names: the words that people use for it, the usual one first.
        line: what it is.
        see: blocks, or `block.field`, that answer it.
        command: a command that shows or changes it, "" for none.
    """

    names: tuple[str, ...]
    line: str
    see: tuple[str, ...] = ()
    command: str = ""


_METRIC = "fallline train SOURCE --monitor"
CONCEPTS = (
    Concept(("epoch", "epochs"), "One pass over the training rows, whatever the batch size.", ("recipe.epochs",)),
    Concept(
        ("minibatch", "batch", "batch size"),
        "The rows of one step. More of them make steps fewer and less noisy; stochastic descent takes one.",
        ("recipe.batch_size", "sgd"),
        "fallline compare SOURCE --vary batch_size=16,64,256",
    ),
    Concept(
        ("learning rate", "lr", "step size"),
        "The factor of a step. Too high, a training diverges; too low, it learns nothing in its time.",
        ("adam.learning_rate", "cosine", "reduce_on_plateau"),
        "fallline train SOURCE --learning-rate find",
    ),
    Concept(
        ("backpropagation", "backprop", "chain rule"),
        "The gradient of the loss by every parameter, from the output back through the layers.",
        ("finite_difference",),
        "fallline check RUN SOURCE",
    ),
    Concept(
        ("gradient check", "numerical gradient", "finite differences"),
        "The gradient beside differences of the loss, number by number; the two must agree.",
        ("finite_difference",),
        "fallline check RUN SOURCE",
    ),
    Concept(
        ("overfitting", "overfit"),
        "The training loss goes on falling while the validation loss rises: the rows are learnt by heart.",
        ("dropout", "l2", "recipe.patience"),
        "fallline doctor RUN --try",
    ),
    Concept(
        ("underfitting", "underfit"),
        "Even the training loss stays high: the network is too small, too constrained or not trained for long enough.",
        ("mlp.hidden", "recipe.epochs"),
        "fallline doctor RUN --try",
    ),
    Concept(
        ("vanishing gradients", "vanishing gradient"),
        "Gradients shrink from layer to layer on their way back, so that the first layers hardly learn.",
        ("relu", "he_normal", "batch_norm"),
        "fallline doctor RUN",
    ),
    Concept(
        ("exploding gradients", "exploding gradient", "divergence", "diverged"),
        "Gradients or the loss grow without bound; the run ends as diverged and keeps its best epoch.",
        ("clip_by_norm", "adam.learning_rate"),
        "fallline doctor RUN --try",
    ),
    Concept(
        ("early stopping",),
        "A training ends when the validation score has not improved for some epochs, and keeps its best epoch.",
        ("recipe.patience", "recipe.monitor"),
    ),
    Concept(
        ("cross-validation", "k-fold", "folds"),
        "Every row validates once: the rows are divided into folds, and one network is trained without each.",
        (),
        "fallline tune SOURCE --folds 5",
    ),
    Concept(
        ("hyperparameter", "hyperparameters", "hyperparameter search", "hyperparameter tuning"),
        "A number of the recipe that is not trained: it is chosen, scheduled or searched.",
        ("tpe", "random", "halving"),
        "fallline tune SOURCE",
    ),
    Concept(
        ("regularisation", "regularization"),
        "What keeps a network from learning the rows by heart: penalties on weights, dropout, early stopping.",
        ("l2", "l1", "dropout", "max_norm"),
    ),
    Concept(
        ("ensemble", "bagging", "model averaging"),
        "Several networks whose answers are averaged: they err in different places.",
        (),
        "fallline train SOURCE --members 5",
    ),
    Concept(
        ("class imbalance", "imbalance", "imbalanced", "class weights"),
        "Rare classes count for little in the mean loss unless they are given more weight.",
        ("recipe.class_weight", "focal"),
        "fallline train SOURCE --class-weight balanced",
    ),
    Concept(
        ("calibration", "temperature scaling"),
        "Whether a class predicted with 80 % is right in 80 of 100 cases; one temperature can make it so.",
        ("recipe.calibrate",),
        "fallline train SOURCE --calibrate temperature",
    ),
    Concept(
        ("feature scaling", "normalisation", "normalization"),
        "Numbers are shifted and divided so that one learning rate suits all weights.",
        ("standardise", "min_max", "batch_norm"),
    ),
    Concept(
        ("one-hot", "one-hot encoding", "categorical"),
        "A column of words becomes one feature of 0 and 1 for each frequent value, and one for all others.",
        (),
        "fallline train SOURCE --kind COLUMN=category",
    ),
    Concept(
        ("missing values", "imputation", "nan"),
        "A missing number is filled in with the mean of the training rows, and a further feature marks it.",
        ("standardise",),
    ),
    Concept(
        ("data leakage", "leakage", "leak"),
        "A column that gives the target away, or rows on both sides of a split: scores are too good to be true.",
        (),
        "fallline train SOURCE --groups COLUMN",
    ),
    Concept(("accuracy",), "The share of rows whose most probable class is right.", (), f"{_METRIC} accuracy"),
    Concept(
        ("auc", "roc auc", "roc"),
        "The probability that a row of the class is given a higher probability than a row of another class.",
        (),
        f"{_METRIC} auc",
    ),
    Concept(
        ("f1", "f1 score", "precision", "recall"),
        "2 precision recall / (precision + recall): found rows that are right, and right rows that are found.",
        (),
        f"{_METRIC} f1",
    ),
    Concept(
        ("rmse", "root mean squared error"),
        "The root of the mean squared error, in the unit of the target.",
        ("squared_error",),
        f"{_METRIC} rmse",
    ),
    Concept(
        ("r2", "r squared", "coefficient of determination"),
        "1 - squared error / squared deviation from the mean: 1 is perfect, 0 as good as the mean, below 0 worse.",
        ("squared_error",),
        f"{_METRIC} r2",
    ),
)


def concept_of(text: str) -> Concept | None:
    """The concept that a word stands for, in any spelling.

    >>> concept_of("Mini batch").names[0]
    'minibatch'
    """
    from fallline.core.block import spelt

    own = spelt(text)
    return next((each for each in CONCEPTS if own and own in map(spelt, each.names)), None)
