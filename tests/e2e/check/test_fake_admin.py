"""The official SDK reads the fake's Admin API: its shapes and pages are the real ones."""

import anthropic
import pytest

from e2e.check.conftest import ADMIN
from tidegate.testing import FakeClaude


@pytest.fixture
def client(fake_claude: FakeClaude) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=ADMIN, base_url=fake_claude.url, max_retries=0)


def test_keys(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    fake_claude.script({"admin": {"api_keys": [{"name": f"k{number}"} for number in range(25)]}})
    found = list(client.beta.organization.api_keys.list(limit=10))
    assert [key.name for key in found] == [f"k{number}" for number in range(25)]
    assert found[0].scope.type == "workspace"
    assert found[0].expires_at is None
    assert [row.path for row in fake_claude.books()] == ["/v1/organizations/api_keys"] * 3


def test_limits(client: anthropic.Anthropic) -> None:
    found = list(client.beta.organization.spend_limits.list(limit=1))
    assert [(one.scope.type, one.amount, one.period, one.is_enabled) for one in found] == [
        ("usage_tier", "100000", "monthly", True),
        ("organization", "50000", "monthly", True),
    ]


def test_workspaces_and_the_organization(client: anthropic.Anthropic) -> None:
    assert [one.name for one in client.beta.organization.workspaces.list()] == ["Production"]
    assert client.beta.organization.retrieve().name == "Fake organization"


def test_errors(client: anthropic.Anthropic, fake_claude: FakeClaude) -> None:
    fake_claude.script({"admin": {"limits_readable": False}})
    with pytest.raises(anthropic.BadRequestError) as error:
        client.beta.organization.spend_limits.list()
    assert "organization_type_not_supported" in str(error.value.body)
    ordinary = client.with_options(api_key="sk-ant-api03-x")
    with pytest.raises(anthropic.AuthenticationError):
        ordinary.beta.organization.api_keys.list()
