"""The figures of a study."""

from fallline.drawing.figure import Figures
from fallline.searching.study import Study


def study_figures(study: Study) -> Figures:
    """Trials, prospects of more trials, hyperparameters together and one by one.

    >>> import fallline as fl
    >>> study = fl.search(fl.Recipe(optimizer=fl.SGD(fl.LogUniform(1e-3, 1.0)), epochs=2), fl.load("sklearn:iris"), trials=8)
    >>> study.plot()["Trials"].frame["series"].unique().sort().to_list()
    ['best so far', 'the best', 'the default (trial 0)', 'trials']
    """
    from fallline.report.search_figures import search_figures  # here: a search that draws nothing imports none of it
    from fallline.searching.summary import summarise

    return Figures(search_figures(summarise(study)))
