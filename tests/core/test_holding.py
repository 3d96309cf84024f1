import os
import shutil
import subprocess
import sys
import threading

import pytest

from fallline.core.errors import FalllineError
from fallline.core.holding import LOCK, Hold

OTHER = (
    "import sys, pathlib\nfrom fallline.core.holding import Hold\n"
    "with Hold(pathlib.Path(sys.argv[1])):\n    print('in', flush=True)\n    sys.stdin.read()\n"
)


@pytest.fixture
def other(tmp_path):
    """Another process that holds the folder until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def test_another_process_is_refused_and_named_until_the_first_ends(tmp_path, other):
    with pytest.raises(FalllineError, match=f"in use by process {other.pid}: wait for its end"), Hold(tmp_path):
        pass
    other.communicate()
    with Hold(tmp_path):
        assert os.listdir(tmp_path) == [LOCK]
    assert os.listdir(tmp_path) == []


def test_a_killed_holder_keeps_nobody_out(tmp_path, other):
    other.kill()
    other.wait()
    assert os.listdir(tmp_path) == [LOCK]
    with Hold(tmp_path) as hold:
        hold.check()
    assert os.listdir(tmp_path) == []


def test_a_thread_may_enter_again_and_another_may_not(tmp_path):
    refused = []

    def enter():
        try:
            with Hold(tmp_path):
                pass
        except FalllineError as error:
            refused.append(str(error))

    with Hold(tmp_path), Hold(tmp_path) as inner:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        inner.check()
    assert len(refused) == 1
    assert "in use by another process" in refused[0]
    with Hold(tmp_path):
        pass


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_is_deleted_or_replaced_is_no_longer_held(tmp_path, replaced):
    folder = tmp_path / "run"
    folder.mkdir()
    with Hold(folder) as hold:
        shutil.rmtree(folder)
        if replaced:
            folder.mkdir()
            (folder / LOCK).write_text("of somebody else\n")
        with pytest.raises(FalllineError, match="deleted or replaced"):
            hold.check()
    assert (folder / LOCK).exists() == replaced


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(FalllineError, match="cannot be written to: No such file"), Hold(tmp_path / "missing"):
        pass
