import msgspec
import pytest

from tidegate.fake.command import build
from tidegate.fake.errors import SPEND, error_json, ordered, problem


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 418, 429, 500, 502, 503, 504, 529, 599])
def test_every_status_has_an_error(status: int) -> None:
    found = problem(status)
    told = msgspec.json.decode(error_json(found, "req_1"))
    assert told["request_id"] == "req_1"
    assert told["error"]["type"].endswith("_error") or status == 413
    assert told["error"]["message"]


def test_ordered_errors() -> None:
    assert ordered(build({})) is None
    assert ordered(build({"status": 200})) is None
    found = ordered(
        build({"status": 429, "error_code": "ramp_limit_exceeded", "retry_after": 2.5, "should_retry": False})
    )
    assert found is not None
    assert found.headers == (("retry-after", "2.5"), ("x-should-retry", "false"))
    assert msgspec.json.decode(error_json(found, ""))["error"]["details"] == {"error_code": "ramp_limit_exceeded"}
    assert {name: (each.status, each.type) for name, each in SPEND.items()} == {
        "tier": (429, "rate_limit_error"),
        "self": (400, "invalid_request_error"),
        "credit": (402, "billing_error"),
        "workspace": (429, "rate_limit_error"),
    }
