"""Every threshold of the findings in one table, with its reason and the measurement or source that set it."""

from typing import NamedTuple


class Threshold(NamedTuple):
    """One number that a finding compares with, the reason for it, and where it comes from."""

    value: float
    reason: str
    source: str


_OWN = "a working value, set on a few healthy and planted runs; `benchmarks/doctor.py` measures it"
TABLE: dict[str, Threshold] = {
    # The learning rate.
    "jump": Threshold(1.5, "a first epoch this many times worse than a constant answer is a jump", _OWN),
    "recovered": Threshold(0.9, "below this share of a constant answer's loss a run has learnt something", _OWN),
    "rough": Threshold(
        0.03, "epoch to epoch, the training loss moves by this share of a constant answer's loss", "AUTOTRAINER: 0.03"
    ),
    "ratio_high": Threshold(1e-2, "an update this large beside its weights is unstable", "Karpathy: 1e-3 is usual"),
    "ratio_jump": Threshold(0.1, "an update this large beside its weights throws a layer away", _OWN),
    "rate_far": Threshold(10.0, "learning rate beside the rule's usual one", "usual rates of diagnosis/remedies.py"),
    "ratio_low": Threshold(3e-4, "an update this small beside its weights learns slowly", "Karpathy: 1e-4 is low"),
    "loss_left": Threshold(
        0.9, "a loss that keeps this share of its first value was hardly lowered", "iris at 1e-6: 0.99"
    ),
    "still": Threshold(0.02, "a run still improves if its last quarter lowers the loss by this share", _OWN),
    "still_t": Threshold(2.0, "standard errors by which the last quarter falls", "concrete, 60 epochs: 2.7"),
    "still_worth": Threshold(
        2e-3, "fall of the last quarter as a share of a constant answer's loss", "concrete: 0.003"
    ),
    "decayed": Threshold(0.02, "a learning rate at this share of its peak trains no more", _OWN),
    "decayed_by": Threshold(0.8, "the rate has decayed before this share of the run", _OWN),
    # Gradients.
    "vanished": Threshold(1e-3, "ratio of the first layer's gradient to the last layer's", "AUTOTRAINER: 1e-3"),
    "exploded": Threshold(70.0, "ratio of the first layer's gradient to the last layer's", "AUTOTRAINER: 70"),
    "spike": Threshold(1e3, "a gradient this many times its median over the epochs", _OWN),
    # Units.
    "dead": Threshold(0.7, "share of a layer's units that are silent on every row", "AUTOTRAINER, DeepDiagnosis: 0.7"),
    "dead_poor": Threshold(0.4, "the same share where the run also fits poorly", "CS231n: 0.4"),
    "killed": Threshold(0.8, "share of a layer's units that die within the first epochs", _OWN),
    "saturated": Threshold(0.8, "share of a layer's values in the flat parts of its activation", _OWN),
    "saturated_poor": Threshold(0.5, "the same share where the run also fits poorly", "DeepDiagnosis: 0.5"),
    # Initial weights.
    "equal_units": Threshold(0.999, "correlation between the initial weights of two units of a layer", _OWN),
    "signal_grows": Threshold(
        10.0, "factor by which the initial signal grows in one layer beyond the usual weights'", _OWN
    ),
    "signal_fades": Threshold(
        0.1, "factor to which the initial signal falls in one layer against the usual weights'", _OWN
    ),
    "first_loss": Threshold(
        10.0, "first loss beside that of an uninformed answer", "CS231n: ln C; up to 4.5 on healthy tables"
    ),
    # Inputs and targets.
    "scales": Threshold(
        100.0, "ratio of the largest column's size to the median column's, after scaling", "working value"
    ),
    "far": Threshold(30.0, "size of the scaled inputs; the initial weights expect about 1", _OWN),
    "dominates": Threshold(0.95, "share of the scaled inputs' squared size that one column has", _OWN),
    "outlier": Threshold(10.0, "robust deviations from the median at which a target is an outlier", _OWN),
    "outlier_rows": Threshold(0.02, "largest share of rows that are outliers and not a tail", _OWN),
    "outlier_weight": Threshold(0.5, "share of the target's squared deviation that the outliers carry", _OWN),
    "tail": Threshold(20.0, "excess kurtosis of the target", "0 for a normal, 111 for a lognormal distribution"),
    # Fit.
    "overfit_rise": Threshold(0.25, "validation loss rises by this share above its least", _OWN),
    "overfit_gap": Threshold(0.1, "gap between training and validation skill", "AUTOTRAINER: 0.1"),
    "behind": Threshold(0.05, "skill that a run lacks beside a forest or a linear model", _OWN),
    "small_gap": Threshold(0.1, "largest gap of training and validation skill of a run that fits too little", _OWN),
    "penalty_share": Threshold(0.3, "share of the final objective that the penalty is", _OWN),
    "penalty_least": Threshold(2e-3, "strength below which a penalty holds nothing back", _OWN),
    "dropout_high": Threshold(0.5, "dropout rate above which a unit is missing more often than not", "UMLAUT: 0.5"),
    # Batches.
    "noisy_batch": Threshold(8, "minibatches of at most this many rows", _OWN),
    "noise": Threshold(0.1, "share of a minibatch gradient that is signal, at the kept weights", _OWN),
    "few_steps": Threshold(300, "updates in the whole run", "the playbook tests stability over 500 steps"),
    "norm_batch": Threshold(8, "rows in a minibatch of batch normalisation", "Wu and He 2018: error grows below 8"),
    # Labels and split.
    "imbalance": Threshold(0.8, "share of the largest class", "deepchecks: rarest to commonest 0.1"),
    "ignored": Threshold(0.02, "gain in accuracy over the largest class", _OWN),
    "noise_share": Threshold(0.05, "lower bound of the error among the rows answered most confidently", _OWN),
    "sure_rows": Threshold(0.3, "share of the held-out rows that counts as the most confident", _OWN),
    "leak": Threshold(0.97, "skill of one column alone", "deepchecks: predictive power 0.8 with easy tasks removed"),
    "leak_next": Threshold(0.9, "skill of the next best column, above which the task is easy", "iris 0.94, digits 0.3"),
    "index_leak": Threshold(0.8, "skill of a column that merely counts the rows", _OWN),
    "twins": Threshold(0.05, "share of held-out rows that equal a training row", "deepchecks: 5 %"),
    "continuous": Threshold(0.5, "share of distinct values in a column that makes equal rows implausible", _OWN),
    "drift": Threshold(0.625, "AUC with which test rows are told from training rows", "deepchecks: 2 AUC - 1 = 0.25"),
    "valid_error": Threshold(0.025, "standard error of a validation accuracy", "the size of gains worth deciding on"),
    "valid_loss_error": Threshold(0.15, "relative standard error of a validation loss of a regression", _OWN),
    # Answers.
    "miscalibrated": Threshold(0.1, "mean distance between confidence and accuracy", _OWN),
    "missed_rows": Threshold(10, "held-out rows of a class or segment that can be judged", "deepchecks: 10 rows"),
    "as_numbers": Threshold(0.12, "accuracy that classification gains over a rounded regression", _OWN),
    "few_values": Threshold(3, "different whole values of a target that are taken for classes", _OWN),
    "outside": Threshold(0.02, "share of answers outside the range of a bounded target", _OWN),
    "rows_judged": Threshold(100, "held-out rows needed to judge answers one by one", "binomial error of 5 %"),
    "helped": Threshold(
        3.0, "standard errors by which a remedy must be better", "t with 8 degrees: 1 % for each of 10"
    ),
    "lost_after": Threshold(0.15, "share of the epochs after which a run may be called lost", "AUTOTRAINER: 0.3"),
}


def limit(name: str) -> float:
    """The value of a threshold.

    >>> limit("dead"), TABLE["dead"].source
    (0.7, 'AUTOTRAINER, DeepDiagnosis: 0.7')
    """
    return TABLE[name].value
