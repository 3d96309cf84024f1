"""What a model's answers say of it: scores beside simple models, where it errs, and the columns on which it relies."""

from fallline.interpretation.build import interpret as interpret
from fallline.interpretation.interpretation import Interpretation as Interpretation
from fallline.interpretation.requests import drop_column as drop_column
from fallline.interpretation.requests import learning_curve as learning_curve
from fallline.interpretation.requests import leave_one_group_out as leave_one_group_out
from fallline.interpretation.requests import permuted_labels as permuted_labels
