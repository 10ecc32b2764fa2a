"""howto/fake-claude.md names every order, condition, option, fixture and control request of the fake Claude."""

import inspect
import re

from docs.pages import code_spans, one, page, plain, tables, text_of
from tidegate.fake.command import Command
from tidegate.fake.control import ACTIONS, CONDITIONS
from tidegate.fake.script import When
from tidegate.testing import FakeClaude, plugin

FAKE = page("howto/fake-claude.md")


def test_every_order_and_the_other_way_round() -> None:
    assert {plain(cell) for cell in one(FAKE, "Orders").column("order")} == set(Command.__struct_fields__)


def test_every_condition_and_the_other_way_round() -> None:
    assert {plain(cell) for cell in one(FAKE, "Scripts").column("condition")} == set(When.__struct_fields__)


def test_options_and_methods() -> None:
    methods, options = [table for table in tables(FAKE) if table.title == "What `FakeClaude` can do"]
    assert {plain(row[0]) for row in options.rows} == set(inspect.signature(FakeClaude).parameters)
    public = {name for name in vars(FakeClaude) if not name.startswith("_")} | {"key", "port"}
    named = {re.split(r"\W", code)[0] for cell in methods.column("method or property") for code in code_spans(cell)}
    assert named == public


def test_fixtures() -> None:
    fixtures = {name for name, value in vars(plugin).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    assert {plain(cell) for cell in one(FAKE, "In pytest").column("fixture")} == fixtures


def test_control_requests() -> None:
    table = one(FAKE, "From another language")
    assert {tuple(plain(cell).split()) for cell in table.column("request")} == set(ACTIONS)
    assert all(f"`{name}`" in text_of(FAKE) for name in CONDITIONS)
