import numpy as np

from fallline.core.driving import CALL_SECONDS
from fallline.population.division import divide
from fallline.population.evaluate import placed
from fallline.population.groups import group_recipes
from fallline.population.programs import Programs


def layouts(job):
    arrays = placed(job.data, job.contexts, job.recipes[0])
    return [divide(job, group, arrays)[0].layout for group in group_recipes(job.wide)]


def test_equal_layouts_share_programs_of_one_owner(job_of, rates):
    (one,), (other,) = layouts(job_of(rates(2))), layouts(job_of(rates(2)))
    assert one is not other
    programs = Programs()
    assert programs.of(one) is programs.of(other)
    assert programs.of(one) is not programs.of(layouts(job_of(rates(2), keep=True))[0])
    assert Programs().of(one) is not programs.of(one)
    assert programs.compilations == 0  # nothing is compiled before it is called


def test_a_program_is_new_once_and_its_pace_is_remembered():
    programs = Programs()
    assert [programs.is_new("a"), programs.is_new("a"), programs.is_new("b")] == [True, False, True]
    pace = programs.pace("a", 64)
    assert (pace.count, pace.each) == (1, np.inf)
    pace.took(CALL_SECONDS, 10)
    programs.timed("a", pace)
    assert programs.pace("a", 64).count == 10
    assert programs.pace("a", 4).count == 4
    assert programs.pace("b", 64).count == 1
