"""The diagnosis in a run folder: `diagnosis.json`, and the report that shows it."""

import json
from pathlib import Path

from fallline.core.files import write_atomically
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
    text = json.dumps(diagnosis.to_plain(), indent=1, allow_nan=False)
    write_atomically(Path(folder) / NAME, (text + "\n").encode())
