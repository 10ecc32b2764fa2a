"""Paths and methods: an explicit list, each in one spelling; everything else is answered here and never sent on."""

import pytest

from e2e.http.wire import BODY, ask, request
from e2e.sdk.stage import Stage
from tidegate.model.keys import ALL_SCOPES

UNKNOWN = [
    "/v1/messages/",
    "//v1/messages",
    "/v1//messages",
    "/v1/%6dessages",
    "/v1%2Fmessages",
    "/v1/messages%3Fbeta=true",
    "/v1/messages%00",
    "/v1/messages%20",
    "/v1/messages/.",
    "/v1/./messages",
    "/v1/x/../messages",
    "/v1/messages/../models",
    "/v1/messages/../../v1/messages",
    "/v1/messages;x=y",
    "/V1/messages",
    "/v1/Messages",
    "/v1/MESSAGES",
    "/v1/messages.json",
    "/v1/messages\\",
    "/v2/messages",
    "/messages",
    "/v1",
    "/v1/",
    "/api/hello/",
    "/api",
    "/%61pi/hello",
    "/%68ealthz",
    "/healthz/",
    "/healthz/../v1/messages",
    "/v1/messages/count_tokens/",
    "/v1/messages/count_tokens/../batches",
    "/v1/messages/Batches",
    "/v1/models/",
    "/v1/models/.",
    "/v1/models/..",
    "/v1/models/%2e%2e",
    "/v1/models/a/b",
    "/v1/models/..%2f..",
    "/v1/models//",
    "/v1/models/" + "a" * 129,
    "/v1/complete",
    "/v1/organizations/me",
    "/v1/organizations/api_keys",
    "/v1/organizations/usage_report/messages",
    "/v1/oauth/token",
    "/v1/skills",
    "/v1/agents",
    "/v1/sessions",
    "/v1/environments",
    "/v1/memory_stores",
    "/v1/vaults",
    "/v1/user_profiles",
    "/admin/api/keys",
    "/.env",
    "*",
]
DENIED = [
    "/v1/messages/batches",
    "/v1/messages/batches/msgbatch_1",
    "/v1/messages/batches/msgbatch_1/results",
    "/v1/messages/batches/../count_tokens",
    "/v1/messages/batches/%2e%2e",
    "/v1/files",
    "/v1/files/file_1",
    "/v1/files/file_1/content",
    "/v1/files/../messages",
]
METHODS = {
    "/v1/messages": {"POST"},
    "/v1/messages/count_tokens": {"POST"},
    "/v1/models": {"GET"},
    "/v1/models/claude-haiku-4-5": {"GET"},
}


@pytest.fixture(scope="module")
def key(standing_stage: Stage) -> str:
    """A key that may do all that there is."""
    return standing_stage.site.new_key(scopes=ALL_SCOPES)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", UNKNOWN)
def test_unknown_paths(stage: Stage, key: str, path: str, method: str) -> None:
    reply = ask(stage.gateway.port, request(key, BODY, method=method, path=path))
    assert (reply.status, reply.error, reply.reason) == (404, "not_found_error", "unknown_path")
    assert set(reply.json) == {"type", "error", "request_id"}
    stage.nothing_reached_the_fake()


@pytest.mark.parametrize("scoped", [False, True])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("path", DENIED)
def test_batches_and_files_are_not_built_and_say_so(
    stage: Stage, key: str, path: str, method: str, *, scoped: bool
) -> None:
    reply = ask(stage.gateway.port, request(key if scoped else stage.key, BODY, method=method, path=path))
    assert (reply.status, reply.error, reply.reason) == (403, "permission_error", "not_allowed")
    stage.nothing_reached_the_fake()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", METHODS)
def test_methods(stage: Stage, key: str, path: str, method: str) -> None:
    if method in METHODS[path]:
        return
    reply = ask(stage.gateway.port, request(key, BODY, method=method, path=path), head=method == "HEAD")
    assert (reply.status, reply.reason) == (405, "bad_method")
    assert set(reply.headers["allow"].split(", ")) == METHODS[path]
    assert method == "HEAD" or reply.error == "invalid_request_error"
    stage.nothing_reached_the_fake()


@pytest.mark.parametrize("host", ["gateway", "evil.example:99", "api.anthropic.com"])
def test_an_absolute_target_is_served_as_its_path(stage: Stage, host: str) -> None:
    """RFC 9112 3.2.2: a server must accept it.  The host in it decides nothing: there is one upstream."""
    assert ask(stage.gateway.port, request(stage.key, path=f"http://{host}/v1/messages?beta=true")).status == 200
    (row,) = stage.seen()
    assert (row.path, row.query) == ("/v1/messages", "beta=true")
    assert stage.header("host") == f"127.0.0.1:{stage.fake.port}"


@pytest.mark.parametrize("path", ["http://evil.example/v1/files", "http://evil.example//v1/messages"])
def test_an_absolute_target_opens_nothing_else(stage: Stage, path: str) -> None:
    assert ask(stage.gateway.port, request(stage.key, path=path)).status in (403, 404)
    stage.nothing_reached_the_fake()


def test_what_is_asked_first(stage: Stage, address: str) -> None:
    """Without a good key nobody learns which paths there are."""
    for path in ("/v1/messages", "/v1/nothing", "/v1/files"):
        reply = ask(stage.gateway.port, request(None, BODY, path=path), source=address)
        assert (reply.status, reply.reason) == (401, "bad_key")
    stage.nothing_reached_the_fake()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/hello"])
def test_open_pages_need_no_key_and_take_no_body(stage: Stage, path: str) -> None:
    assert ask(stage.gateway.port, request(None, b"", method="GET", path=path)).status == 200
    assert ask(stage.gateway.port, request(None, BODY, method="POST", path=path)).status == 405


@pytest.mark.parametrize("path", ["/dashboard", "/admin/api/keys"])
def test_an_app_key_opens_no_page_of_the_operators(stage: Stage, key: str, path: str) -> None:
    for lines in ((), (f"authorization: Bearer {key}",)):
        assert ask(stage.gateway.port, request(key, b"", *lines, method="GET", path=path)).status in (401, 404)
