"""The kinds of credential that are looked for, and what to do about each; the shapes are in `match.py`.

Prefixes and lengths: claude-api documentation (admin keys, keys and expiry), gitleaks 8.30 (`anthropic-api-key`,
`anthropic-admin-api-key`), the redactor of the Claude Agent SDK (OAuth tokens, session keys), gitleaks#2104 (an OAuth
token of `claude setup-token` has 108 characters) and our own `model/keys.py`.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

KindName = Literal[
    "api-key",
    "admin-key",
    "compliance-key",
    "oauth-token",
    "refresh-token",
    "session-key",
    "session-token",
    "claude-credential",
    "webhook-secret",
    "app-key",
    "other",
]

_CONSOLE = (
    "Claude Console, API keys: make a new key, put it in place, delete this one"
    " (https://support.claude.com/en/articles/8384961)"
)


class Kind(Struct, frozen=True):
    """One kind: what people call it, and where it is revoked."""

    title: str
    revoke: str


KINDS: Final[Mapping[KindName, Kind]] = {
    "api-key": Kind("Claude API key", _CONSOLE),
    "admin-key": Kind(
        "Claude Admin API key", "Claude Console, Admin keys: delete it; whoever has it can make and change API keys"
    ),
    "compliance-key": Kind(
        "Claude Enterprise access key", "claude.ai, organization settings, API: delete it; it reads what members write"
    ),
    "oauth-token": Kind(
        "Claude OAuth access token",
        "claude.ai, settings, Claude Code: revoke it, and log out all sessions; `claude logout` alone revokes nothing",
    ),
    "refresh-token": Kind(
        "Claude OAuth refresh token",
        "claude.ai, settings: log out all sessions; it makes new access tokens until then",
    ),
    "session-key": Kind("claude.ai session cookie", "claude.ai, settings, account: log out all sessions"),
    "session-token": Kind("Claude Code session token", "end the hosted session that it belongs to"),
    "claude-credential": Kind("Claude credential of a kind that is not known", "Claude Console: find it and delete it"),
    "webhook-secret": Kind(
        "webhook signing secret", "where the webhook was made (Claude Console, or another service): make a new secret"
    ),
    "app-key": Kind("tidegate app key", "`tidegate keys revoke` with its id"),
    "other": Kind("secret of another service", "at the service that it belongs to"),
}
