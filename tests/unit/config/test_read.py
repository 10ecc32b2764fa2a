"""Tables by their keys: what is right is read although something beside it is wrong."""

from tidegate.config import read
from tidegate.config.locate import lines_of
from tidegate.config.trouble import Sources, Trouble
from tidegate.model.errors import ConfigError


def trouble(tree: dict[str, object], text: str = "") -> Trouble:
    return Trouble(Sources(tree, "t.toml", lines_of(text), {}))


def told(found: Trouble) -> list[str]:
    try:
        found.raise_all()
    except ConfigError as error:
        return str(error).split("\n")
    return []


def test_what_is_right_is_read() -> None:
    found = trouble({"gateway": {"port": 1, "prt": 2, "host": 3}}, "[gateway]\nport = 1\nprt = 2\nhost = 3")
    assert read.section(found, "gateway") == {"port": 1}
    assert [line.split(":")[1] for line in told(found)] == ["3", "4"]


def test_sections_of_the_wrong_shape_read_as_empty() -> None:
    found = trouble({"gateway": [], "routes": 3, "limits": {}})
    read.sections(found)
    assert read.section(found, "gateway") == {}
    assert read.named(found, "routes") == {}
    assert read.listed(found, "limits") == []
    assert len(told(found)) == 3


def test_absent_sections_read_as_empty() -> None:
    found = trouble({})
    assert (read.section(found, "gateway"), read.named(found, "routes"), read.listed(found, "limits")) == ({}, {}, [])
    assert told(found) == []


def test_tables_in_tables() -> None:
    found = trouble({"store": {"when_down": {"budgets": "open"}}})
    assert read.section(found, "store") == {"when_down": {"budgets": "open"}}
