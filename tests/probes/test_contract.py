"""What every probe keeps: `fallline.testing`, for each of those that Fallline has."""

import pytest

from fallline.core.block import family
from fallline.probes import RECORDED
from fallline.testing import checks

CASES = [(check, probe) for probe in RECORDED for check in checks(probe)]


@pytest.mark.parametrize(("check", "probe"), CASES, ids=lambda value: value.name)
def test_contract(check, probe):
    check(probe)


def test_every_probe_is_met():
    own = {cls for cls in family("probe").values() if cls.__module__.startswith("fallline.")}
    assert own == {type(each) for each in RECORDED}


@pytest.mark.parametrize("probe", RECORDED, ids=lambda probe: probe.name)
def test_documented_with_an_example(probe):
    assert ">>>" in type(probe).__doc__
