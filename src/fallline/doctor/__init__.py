"""The doctor: gathers the evidence of a finished run, and tries remedies."""

from fallline.doctor.diagnose import diagnose as diagnose
from fallline.doctor.fork import fork as fork
