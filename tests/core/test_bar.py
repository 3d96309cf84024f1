"""When a bar is shown, and what a notebook's bar says."""

import io
import sys
from types import SimpleNamespace

from fallline.core import bar
from fallline.core.bar import Bar, NotebookBar, quiet_unless


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def looked_at(monkeypatch):
    """As outside of tests, where a person looks at standard error."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setattr(sys, "stderr", Terminal())


def test_a_bar_is_shown_where_a_person_looks(monkeypatch):
    looked_at(monkeypatch)
    assert [quiet_unless(each) for each in (None, True, False)] == [False, False, True]
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert [quiet_unless(each) for each in (None, True, False)] == [True, False, True]


def test_no_bar_in_tests():
    assert quiet_unless(None)


def test_no_bar_beside_others(monkeypatch):
    looked_at(monkeypatch)
    monkeypatch.setattr(bar.multiprocessing, "parent_process", lambda: object())
    assert quiet_unless(None)


def test_short_work_shows_no_bar(monkeypatch):
    looked_at(monkeypatch)
    with Bar("{task.completed:.0f}", "{task.description}", quiet=False, late=1e9, description="", total=2) as short:
        short.show("line", completed=1)
    assert not short.started
    assert sys.stderr.getvalue() == ""
    with Bar("{task.completed:.0f}", "{task.description}", quiet=False, description="", total=2) as long:
        long.show("line", completed=1, description="half")
    assert long.started


def test_a_notebook_has_one_output_that_is_changed_and_emptied(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=shown.append)
    display = SimpleNamespace(display=lambda it, display_id: shown.append(it) or handle, HTML=lambda text: text)
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(bar, "REST", 0.0)
    with Bar("epoch {task.completed:.0f}/{task.total:.0f}", "{task.fields[left]}", quiet=False, total=4, left="") as it:
        it.show("line", "a <b>", completed=3, left="<1 s")
        drawn = it.drawn
        assert repr(drawn) == "epoch 3/4 75 % <1 s"
        assert "value='3' max='4'" in drawn._repr_html_()
        assert "&lt;1 s" in drawn._repr_html_()
        assert "a &lt;b&gt;" in drawn._repr_html_()
    assert isinstance(shown[0], NotebookBar)
    assert shown[-1] == ""
