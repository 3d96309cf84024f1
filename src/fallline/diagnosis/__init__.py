"""What went wrong with a run: kinds of findings, each a block that judges the same evidence."""

from fallline.diagnosis.base import Finding as Finding
from fallline.diagnosis.base import Kind as Kind
from fallline.diagnosis.base import Remedy as Remedy
from fallline.diagnosis.diagnosis import Diagnosis as Diagnosis
from fallline.diagnosis.diagnosis import judge as judge
from fallline.diagnosis.evidence import Evidence as Evidence
from fallline.diagnosis.kinds import KINDS as KINDS
from fallline.diagnosis.lost import StopWhenLost as StopWhenLost
from fallline.diagnosis.thresholds import TABLE as TABLE
