"""Numbers, names and lengths of time in a form for people."""

import math

NOTHING = "—"
_TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1",
    "auc": "ROC AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
}
_SHARES = ("accuracy", "balanced_accuracy", "explained")


def metric_title(name: str) -> str:
    """A metric's name as a title.

    >>> metric_title("balanced_accuracy"), metric_title("pinball_loss")
    ('Balanced accuracy', 'Pinball loss')
    """
    plain = name.replace("_", " ")
    return _TITLES.get(name, plain[:1].upper() + plain[1:])


def metric_label(name: str) -> str:
    """A metric's name within a sentence or on an axis.

    >>> metric_label("accuracy"), metric_label("rmse")
    ('accuracy', 'RMSE')
    """
    title = metric_title(name)
    return title if any(letter.isupper() for letter in title[1:]) or len(title) < 3 else title[:1].lower() + title[1:]


def is_share(metric: str) -> bool:
    """Whether a metric is shown in percent."""
    return metric in _SHARES


def value_of(metric: str, value: object) -> str:
    """A metric's value as text.

    >>> value_of("accuracy", 0.9666), value_of("rmse", 59.994), value_of("auc", None)
    ('96.66 %', '59.99', '—')
    """
    if isinstance(value, int | float) and math.isfinite(value) and is_share(metric):
        return f"{100 * value:.2f} %"
    return number(value)


def number(value: object) -> str:
    """A number as text: large and whole numbers with thousands separators, others with four digits; a dash for none.

    >>> number(12345), number(0.00123456), number(123456.7), number(float("nan"))
    ('12,345', '0.001235', '123,457', '—')
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    if isinstance(value, int) or 1e4 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def rounded(value: float, digits: int = 2) -> str:
    """A number with a few digits; an exponent only where it is large or small.

    >>> rounded(99.7), rounded(0.02347), rounded(3.2e-7)
    ('100', '0.023', '3.2e-07')
    """
    return f"{float(f'{value:.{digits}g}'):g}"


def shortened(name: str, most: int) -> str:
    """A name on one line, of bounded length; its middle is left out, since names that begin alike often end differently.

    >>> shortened("a long name of a column 12", 12), shortened("a\\n b", 12)
    ('a long…mn 12', 'a b')
    """
    text = " ".join(name.split())
    last = (most - 1) // 2
    return text if len(text) <= most else f"{text[: most - 1 - last]}…{text[len(text) - last :]}"


def duration(seconds: float | None) -> str:
    """A duration in seconds as text.

    >>> duration(1.556), duration(75), duration(7384)
    ('1.56 s', '1 min 15 s', '2 h 3 min')
    """
    if seconds is None or number(seconds) == NOTHING:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {int(seconds % 60)} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
