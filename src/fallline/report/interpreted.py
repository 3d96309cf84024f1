"""The interpretation of a run in its folder: made once after training, and never the reason why a run is lost."""

from pathlib import Path

from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.interpretation import interpret
from fallline.interpretation.document import write_fault, write_interpretation
from fallline.report.predictions_section import columns_text, predictions_text
from fallline.report.scores_section import scores_text
from fallline.training.run import Run


def keep_interpretation(folder: Path, run: Run, table: Table) -> str:
    """Interpret a run and write the file into its folder; returns a sentence if that was not possible, else nothing.

    The model must have been saved before. Whatever goes wrong here, Ctrl-C included, leaves the run as it is: the file
    then says why there is no interpretation.

    Raises: FalllineError if the folder refuses the file.
    """
    try:
        found = interpret(run, table)
        join = (scores_text(found), predictions_text(found), columns_text(found))  # a fault in drawing shows here
        assert all(isinstance(each, str) for each in join)
    except FalllineError as error:
        sentence = f"The predictions were not looked at: {error}."
    except KeyboardInterrupt:
        sentence = "The predictions were not looked at: Ctrl-C came first; `fallline interpret` does it later."
    except Exception as error:  # the run is finished and saved: no fault in what is said of it may end it as failed
        sentence = f"The predictions were not looked at, because of an unexpected {type(error).__name__}: {error}."
    else:
        write_interpretation(folder, found)
        return ""
    write_fault(folder, sentence)
    return sentence
