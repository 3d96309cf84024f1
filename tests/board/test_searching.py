import pytest
from tests.board.making import finished, training

from fallline.board import Index
from fallline.board.searching import matches


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    (finished(home, "iris-1") / "tags.json").write_text('{"tags": ["paper"]}')
    finished(home, "bad", outcome="diverged", seconds=99.0)
    training(home, "slow", 5, rate=1e-4)
    training(home, "fast", 5, rate=1e-2)
    index = Index(home)
    index.refresh(float("inf"))
    return index.runs


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("", {"iris-1", "bad", "slow", "fast"}),
        ("IRIS", {"iris-1"}),
        ("paper", {"iris-1"}),
        ("tag=paper", {"iris-1"}),
        ("status=running", {"slow", "fast"}),
        ("-running", {"iris-1", "bad"}),
        ("-running -failed", {"iris-1"}),
        ("learning_rate<0.001", {"slow"}),
        ("optimizer.learning_rate>=1e-2", {"fast"}),
        ("learning_rate=0.01 running", {"fast"}),
        ("optimizer=adam running", {"slow", "fast"}),
        ("epochs=5", {"slow", "fast"}),
        ("score>0.9", {"iris-1", "bad", "slow", "fast"}),
        ("score>1", {"slow", "fast"}),
        ("test_accuracy>0.9 seconds<10", {"iris-1"}),
        ("nothing_like_it<3", set()),
        ("learning_rate<fast", set()),
        ("<", set()),
        ("=", {"iris-1", "bad", "slow", "fast"}),
    ],
)
def test_questions(runs, question, names):
    found = {each.name for each in runs if matches(each, question)}
    assert found == names
