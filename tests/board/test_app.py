"""What the application answers, and whom it refuses."""

import json
import shutil

import pytest
from tests.board.making import finished, study, training

pytest.importorskip("starlette", reason="needs the extra board")
pytest.importorskip("httpx2", reason="needs httpx2, with which the application is asked")

from starlette.testclient import TestClient

from fallline.board import create_app
from fallline.board import index as module
from fallline.core import extras
from fallline.core.errors import FalllineError

TOKEN, PORT = "a-token", 4321
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(module, "READING", 60.0)
    return TestClient(create_app(tmp_path, TOKEN, PORT), base_url=f"http://127.0.0.1:{PORT}/{TOKEN}")


def ids(client) -> dict[str, str]:
    return {each["name"]: each["id"] for each in client.get("api/runs").json()["runs"]}


def test_the_page_its_style_and_its_script_ask_nothing_of_others(client):
    for name, kind in (("", "text/html"), ("board.css", "text/css"), ("board.js", "text/javascript")):
        answer = client.get(name)
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, kind)
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
        assert "innerHTML" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get("other").status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/a-token/", {}, 200),
        ("/a-token/", {"host": "localhost:4321"}, 200),
        ("/a-token/", {"origin": "http://127.0.0.1:4321"}, 200),
        ("/a-token/", {"sec-fetch-site": "same-origin"}, 200),
        ("/a-token", {}, 308),
        ("/", {}, 403),
        ("/another/api/runs", {}, 403),
        ("/a-tokeN/", {}, 403),
        ("/ä/", {}, 403),
        ("/a-token/", {"host": "evil.example:4321"}, 403),
        ("/a-token/", {"host": "127.0.0.1:80"}, 403),
        ("/a-token/", {"origin": "http://evil.example"}, 403),
        ("/a-token/", {"origin": "null"}, 403),
        ("/a-token/", {"sec-fetch-site": "cross-site"}, 403),
        ("/a-token/../../etc/passwd", {}, 403),
        ("/a-token/api/../../x", {}, 403),
        ("/a-token/board.py", {}, 404),
    ],
)
def test_only_the_page_with_the_token_on_this_machine_is_answered(client, path, headers, code):
    answer = client.get(f"http://127.0.0.1:{PORT}{path}", headers=headers, follow_redirects=False)
    assert answer.status_code == code
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(client, tmp_path, method):
    finished(tmp_path, "a")
    answer = client.request(method, "api/runs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert client.head("").status_code == 200


def test_details_with_findings_and_names_as_they_are(client, tmp_path):
    folder = finished(tmp_path, HOSTILE)
    finding = {"name": "overfitting", "title": f"it overfits {HOSTILE}", "evidence": "seen", "cause": "why", "confidence": 0.9,
               "advice": "do", "epoch": None, "columns": [], "explained_by": "", "remedies": [{"name": "dropout"}]}  # fmt: skip
    said = {"healthy": False, "findings": [finding], "explained": [], "checked": [], "bill": None, "skills": {}}
    (folder / "diagnosis.json").write_text(json.dumps(said))
    key = ids(client)[HOSTILE]
    found = client.get("api/run", params={"id": key}).json()
    assert found["name"] == HOSTILE
    assert found["doctor"]["findings"] == [
        {"title": f"it overfits {HOSTILE}", "evidence": "seen", "cause": "why", "advice": "do", "remedies": ["dropout"]}
    ]
    assert ["data.source", "flowers.csv"] in found["settings"]
    assert client.get("api/run", params={"id": key, "known": found["version"]}).json()["same"]
    (folder / "diagnosis.json").write_text("{")
    assert "cannot be read" in client.get("api/run", params={"id": key}).json()["doctor"]["text"]
    shutil.rmtree(folder)
    assert client.get("api/run", params={"id": key}).json() == {"gone": True}


def test_a_study_in_detail_and_one_that_cannot_be_read(client, tmp_path):
    study(tmp_path, "search", [0.5, 0.2]).close()
    key = ids(client)["search"]
    assert client.get("api/run", params={"id": key}).json()["study"]["best"] == [[0, 0.5], [1, 0.2]]
    (tmp_path / "search" / "study.db").write_bytes(b"x" * 5000)
    assert "cannot be read now" in client.get("api/run", params={"id": key}).json()["study"]["error"]


def test_runs_are_compared_searched_and_drawn(client, tmp_path):
    training(tmp_path, "slow", 5, rate=1e-4)
    training(tmp_path, "fast", 5, rate=1e-2)
    keys = ids(client)
    both = f"{keys['slow']},{keys['fast']},0000"
    found = client.get("api/compare", params={"ids": both}).json()
    assert found["fields"] == [["optimizer.learning_rate", ["0.0001", "0.01"]]]
    assert client.get("api/search", params={"q": "learning_rate>0.001"}).json() == {"ids": [keys["fast"]]}
    drawn = client.get("api/curves", params={"ids": both, "columns": "valid_loss", "width": "99"}).json()
    assert [each["id"] for each in drawn["curves"]] == both.split(",")[:2]
    odd = client.get("api/curves", params={"ids": ",,", "columns": "", "width": "-3"}).json()
    assert odd["curves"] == []
    assert client.get("api/runs", params={"since": "9" * 40}).json()["whole"]


def test_a_folder_that_goes_away_is_said_to_be_gone(client, tmp_path):
    finished(tmp_path, "a")
    first = client.get("api/runs").json()
    assert first["there"]
    shutil.rmtree(tmp_path)
    found = client.get("api/runs", params={"since": first["revision"]}).json()
    assert (found["there"], len(found["removed"])) == (False, 1)


def test_without_starlette_one_sentence_names_the_extra(tmp_path, monkeypatch):
    def gone(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr(extras.importlib, "import_module", gone)
    with pytest.raises(FalllineError, match=r'needs the package starlette: pip install "fallline\[board\]"'):
        create_app(tmp_path, TOKEN, PORT)
