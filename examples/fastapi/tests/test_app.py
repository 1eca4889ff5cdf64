import platform

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app.about import describe
from app.main import create_app

DEPLOYMENT = {"APP_COMMIT": "c0ffee", "APP_BUILT": "2026-01-02T03:04:05Z", "APP_DIGEST": ""}


@pytest.fixture
def client() -> TestClient:
    return TestClient(create_app(describe(DEPLOYMENT)), raise_server_exceptions=False)


def samples(client: TestClient, name: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in found}


def test_home_names_its_paths(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    for path in answer.json()["links"].values():
        assert client.get(path).status_code == 200


def test_health(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}


def test_version_says_what_was_deployed(client: TestClient) -> None:
    assert client.get("/version").json() == {
        "version": "1.0.0",
        "commit": "c0ffee",
        "built": "2026-01-02T03:04:05Z",
        "digest": None,
        "python": platform.python_version(),
    }


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/version", ("GET", "/version", "200")),
        ("POST", "/version", ("POST", "/version", "405")),
        ("GET", "/no/such/path", ("GET", "unmatched", "404")),
        ("BREW", "/", ("other", "/", "405")),
    ],
)
def test_requests_are_counted_by_route(
    client: TestClient, method: str, path: str, labels: tuple[str, ...]
) -> None:
    before = samples(client, "http_requests_total").get(labels, 0)
    client.request(method, path)
    assert samples(client, "http_requests_total")[labels] == before + 1
    assert samples(client, "http_request_duration_seconds_count")[labels] == before + 1


def test_what_fails_is_counted_as_500(client: TestClient) -> None:
    @client.app.get("/broken/{number}")
    async def broken(number: int) -> None:
        raise RuntimeError(number)

    assert client.get("/broken/7").status_code == 500
    assert samples(client, "http_requests_total")["GET", "/broken/{number}", "500"] == 1


def test_a_first_failure_is_an_increase(client: TestClient) -> None:
    assert samples(client, "http_requests_total")["GET", "/", "500"] == 0
