"""The diagnosis in a run folder: `diagnosis.json`, and the report that shows it."""

from pathlib import Path

from fallline.core.documents import write_json
from fallline.diagnosis import Diagnosis
from fallline.report.page import write_report
from fallline.report.why_section import NAME


def keep_diagnosis(folder: Path, diagnosis: Diagnosis) -> None:
    """Write the diagnosis into a run folder, and its report again.

    Raises: FalllineError where the folder cannot be written to.
    """
    save_diagnosis(folder, diagnosis)
    write_report(folder)


def save_diagnosis(folder: Path, diagnosis: Diagnosis) -> None:
    """Write `diagnosis.json` into a run folder."""
    write_json(Path(folder) / NAME, diagnosis.to_plain(), indent=1)
