import pytest

from tidegate.checks.boot.address import judge


@pytest.mark.parametrize(
    ("url", "state", "text"),
    [
        ("https://api.anthropic.com", "pass", "requests go to Anthropic"),
        ("https://claude.mycompany.com/team", "pass", "requests go to claude.mycompany.com"),
        ("https://10.1.2.3:8443", "pass", "requests go to 10.1.2.3"),
        ("http://127.0.0.1:8787", "warn", "this machine itself"),
        ("https://localhost", "warn", "this machine itself"),
        ("http://[::1]:8787", "warn", "this machine itself"),
        ("http://0.0.0.0:8787", "warn", "this machine itself"),
        ("http://host.docker.internal:8787", "warn", "this machine itself"),
        ("http://tidegate:8787", "warn", "plain http"),
        ("http://tidegate.prod.svc.cluster.local", "warn", "plain http"),
        ("http://10.0.0.5:8787", "warn", "plain http"),
        ("http://api.anthropic.com", "fail", "in plain http"),
        ("http://93.184.216.34", "fail", "in plain http"),
        ("https://api.anthropic.com/v1", "fail", "ends in /v1"),
        ("https://api.anthropic.com/v1/messages/", "fail", "ends in /v1"),
        ("https://your-gateway.example.com", "fail", "placeholder"),
        ("https://user:canary@claude.mycompany.com", "fail", "a user or a password"),
        ("api.anthropic.com", "fail", "no http or https address"),
        ("ftp://claude.mycompany.com", "fail", "no http or https address"),
        ("https://", "fail", "no http or https address"),
        ("https://[", "fail", "no http or https address"),
        ("https://host:port", "fail", "no http or https address"),
        ("https://claude.mycompany.com\n", "fail", "no http or https address"),
        ('"https://claude.mycompany.com"', "fail", "no http or https address"),
    ],
)
def test_addresses(url: str, state: str, text: str) -> None:
    (found,) = judge([url])
    assert found.state.value == state
    assert text in found.text
    assert "canary" not in found.text


def test_each_address_once() -> None:
    assert len(judge(["https://a.com", "https://a.com", "https://b.com"])) == 2
