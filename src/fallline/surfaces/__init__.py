"""Surfaces: functions of a few numbers with known minima, to watch update rules on."""

from fallline.surfaces.base import Minimum as Minimum
from fallline.surfaces.base import Surface as Surface
from fallline.surfaces.expression import parse_expression as parse_expression
from fallline.surfaces.flat import MonkeySaddle as MonkeySaddle
from fallline.surfaces.flat import Plateau as Plateau
from fallline.surfaces.flat import Saddle as Saddle
from fallline.surfaces.many import Ackley as Ackley
from fallline.surfaces.many import DoubleWell as DoubleWell
from fallline.surfaces.many import Rastrigin as Rastrigin
from fallline.surfaces.many import StyblinskiTang as StyblinskiTang
from fallline.surfaces.own import Formula as Formula
from fallline.surfaces.own import Function as Function
from fallline.surfaces.quadratic import Bowl as Bowl
from fallline.surfaces.quadratic import Ravine as Ravine
from fallline.surfaces.valleys import Beale as Beale
from fallline.surfaces.valleys import Branin as Branin
from fallline.surfaces.valleys import Himmelblau as Himmelblau
from fallline.surfaces.valleys import Rosenbrock as Rosenbrock
from fallline.surfaces.valleys import SixHumpCamel as SixHumpCamel
