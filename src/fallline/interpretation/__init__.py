"""What a model's answers say of it: scores beside simple models, where it errs, and the columns on which it relies."""

from fallline.interpretation.interpret import interpret as interpret
from fallline.interpretation.interpretation import Interpretation as Interpretation
