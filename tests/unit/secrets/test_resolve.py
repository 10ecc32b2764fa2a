"""From address to secret."""

from pathlib import Path

import pytest

from tidegate.model.errors import ConfigError
from tidegate.secrets.resolve import resolve
from tidegate.secrets.table import NOT_BUILT

ENVIRON = {
    "KEY": "sk-ant-api03-canary",
    "TO_VAULT": "aws-sm://prod/anthropic",
    "LOOP": "env://LOOP",
    "WEB": "https://x",
}


def test_by_source(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("y\n")
    assert resolve("env://KEY", ENVIRON).reveal() == "sk-ant-api03-canary"
    assert resolve(f"file://{file}", {}).reveal() == "y"
    assert resolve("env://WEB", ENVIRON).reveal() == "https://x"


def test_a_variable_may_hold_an_address(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("y\n")
    assert resolve("env://KEY", {"KEY": f"file://{file}"}).reveal() == "y"


def failed(uri: str) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(uri, ENVIRON)
    return str(caught.value)


@pytest.mark.parametrize("scheme", NOT_BUILT)
def test_sources_to_come(scheme: str) -> None:
    assert failed(f"{scheme}://x") == f"{scheme}:// is not built yet in this version; built are env:// and file://"


def test_addresses_that_lead_nowhere() -> None:
    assert failed("env://TO_VAULT") == "aws-sm:// is not built yet in this version; built are env:// and file://"
    assert failed("env://LOOP") == "env://LOOP: holds the address of another secret; write that address here instead"
    assert failed("evn://KEY") == "the address of a secret begins with no known source; did you mean env://?"
    assert failed("zzz://KEY") == "the address of a secret begins with no known source; there are env:// and file://"


@pytest.mark.parametrize("uri", ["sk-ant-api03-canary", "", "canary"])
def test_a_secret_instead_of_its_address(uri: str) -> None:
    line = failed(uri)
    assert line == (
        "a secret was written where its address belongs; put it into an environment variable and write "
        '"env://ITS_NAME" here, because configuration files end up in git'
    )
