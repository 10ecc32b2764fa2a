"""No page speaks of what is not built as if it were."""

import re

import pytest

from docs.pages import ROOT, pages, text_of
from tidegate.ledgers.table import LEDGERS
from tidegate.secrets.table import NOT_BUILT as SECRETS_NOT_BUILT
from tidegate.stores.table import STORES
from tidegate.upstreams.table import UPSTREAMS

HONEST = re.compile(r"not (part of this version|built|used yet)|cannot share a store")

UNBUILT = {
    r"redis": "redis" not in STORES,
    r"postgres": "postgresql" not in LEDGERS,
    r"bedrock": "bedrock" not in UPSTREAMS,
    r"vertex": "vertex" not in UPSTREAMS,
    r"foundry": "foundry" not in UPSTREAMS,
    r"/metrics\b|prometheus": not (ROOT / "src/tidegate/observe/metrics.py").exists(),
    r"opentelemetry|otlp": not (ROOT / "src/tidegate/observe/traces.py").exists(),
    r"/admin/api": "/admin/api" not in (ROOT / "src/tidegate/doors/gateway/own.py").read_text(),
    r"tidegate\.guard": not (ROOT / "src/tidegate/doors/guard").exists(),
    **{rf"\b{re.escape(scheme)}://": True for scheme in SECRETS_NOT_BUILT},
}
"""What the design names, and whether it is still missing."""


@pytest.mark.parametrize("word", [word for word, missing in UNBUILT.items() if missing])
def test_what_is_not_built_is_said_to_be(word: str) -> None:
    for path in pages():
        for number, line in enumerate(text_of(path).split("\n"), 1):
            if re.search(word, line, re.IGNORECASE):
                assert HONEST.search(line), f"{path.name}:{number}: {line}"
