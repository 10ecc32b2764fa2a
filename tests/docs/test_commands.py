"""reference/commands.md and the command line name the same commands, options, values and exit codes."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, get_args

import pytest

from docs.pages import ROOT, code_spans, one, page, pages, plain, prose, tables, text_of
from tidegate.cli import exits, keys_create, keys_list, keys_revoke, usage
from tidegate.cli.lazy import Entry, Group
from tidegate.cli.main import COMMANDS
from tidegate.ledgers.usage import Grouping
from tidegate.model.keys import ALL_SCOPES, DEFAULT_SCOPES, AppKey
from tidegate.stores.rebuild import Rebuilt

COMMANDS_MD = page("reference/commands.md")


def entries(commands: tuple[Entry | Group, ...] = COMMANDS, prefix: str = "") -> Iterator[tuple[str, Entry]]:
    for command in commands:
        if isinstance(command, Group):
            yield from entries(command.entries, f"{command.name} ")
        else:
            yield f"{prefix}{command.name}", command


ALL = dict(entries())


@lru_cache
def parameters(command: str) -> dict[str, Any]:
    """By how it is written: `--json`, or the name of an argument."""
    found = {}
    for parameter in ALL[command].command().real().params:
        if parameter.param_type_name == "argument":
            found[{"id_": "ID", "by": "BY", "path": "PATH", "paths": "PATH"}[parameter.name]] = parameter
        else:
            found[max(parameter.opts, key=len)] = parameter
    return {name: one for name, one in found.items() if name != "--help" and not getattr(one, "hidden", False)}


def documented(command: str) -> dict[str, tuple[str, str, str]]:
    """Values, default and meaning of every documented option."""
    (table,) = [
        one
        for one in tables(COMMANDS_MD)
        if one.title == f"`tidegate {command}`" and one.columns == ("option", "values", "default", "meaning")
    ]
    return {code_spans(name)[0]: (values, default, meaning) for name, values, default, meaning in table.rows}


def test_every_command_has_its_section_and_the_other_way_round() -> None:
    sections = {line.removeprefix("## ") for _, line in prose(COMMANDS_MD) if line.startswith("## `")}
    assert sections == {f"`tidegate {command}`" for command in ALL}


@pytest.mark.parametrize("command", ALL)
def test_the_options_of_a_command(command: str) -> None:
    assert set(documented(command)) == set(parameters(command))


@pytest.mark.parametrize("command", ALL)
def test_what_the_table_says_of_an_option(command: str) -> None:
    for name, (values, default, _) in documented(command).items():
        parameter = parameters(command)[name]
        assert (default == "needed") == parameter.required, name
        if getattr(parameter, "is_flag", False):
            assert (values, default) == ("", "off"), name
        elif parameter.default not in (None, (), "") and not parameter.required:
            assert default == f"`{parameter.default}`", name
        assert ("repeatable" in values) == getattr(parameter, "multiple", False), name


def test_the_short_option() -> None:
    assert "| `--directory`, `-d` |" in text_of(COMMANDS_MD)
    assert set(parameters("init")["--directory"].opts) == {"--directory", "-d"}


def test_exit_codes() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    assert {int(row[0]) for row in one(COMMANDS_MD, "Exit codes").rows} == codes


def test_the_scopes_of_keys() -> None:
    (table,) = [table for table in tables(COMMANDS_MD) if table.columns == ("scope", "opens")]
    assert {plain(cell) for cell in table.column("scope")} == set(ALL_SCOPES)
    assert set(code_spans(documented("keys create")["--scope"][1])) == set(DEFAULT_SCOPES)


def test_the_reports_of_usage() -> None:
    assert tuple(code_spans(documented("usage")["BY"][0])) == get_args(Grouping) == usage.GROUPINGS


def test_the_documents_of_json() -> None:
    """The keys that stand beside `--json` are those of the documents."""
    key = AppKey(id="x", hash=b"", app="a", created_at=0, revoked_at=0)
    found = Rebuilt(tallies=0, open_holds=0, changes=())
    documents: dict[str, dict[str, object]] = {
        "keys create": keys_create._document(key, ""),
        "keys list": keys_list._document(key, 0),
        "rebuild": dict.fromkeys(found.__struct_fields__),
    }
    for command, document in documents.items():
        said = re.findall(r'"([a-z_]+)"', documented(command)["--json"][2])
        assert [name for name in said if name != "keys"] == list(document), command
    source = (ROOT / "src/tidegate/cli/keys_revoke.py").read_text()
    assert re.search(r'write_json\(\{"id": [^,]+, "app": [^,]+, "revoked_at"', source), keys_revoke.__name__


def mentions() -> Iterator[tuple[str, int, str]]:
    """Every command line in code, on every page: page, line, what stands behind `tidegate`."""
    for path in pages():
        for number, line in enumerate(text_of(path).split("\n"), 1):
            typed = [line[2:]] if line.startswith("$ ") else code_spans(line) if not line.startswith("<!--") else []
            for text in typed:
                if found := re.match(r"tidegate (?!serves on)([a-z].*)", text.strip()):
                    yield path.name, number, re.sub(r"\s+# .*$", "", found[1])


NOT_BUILT = re.compile(r"not (part of this version|built)")


def test_every_command_that_a_page_mentions_exists() -> None:
    for name, number, text in mentions():
        words = text.split()
        two = " ".join(words[:2])
        command = two if two in ALL else words[0]
        if command not in ALL and command not in {group.name for group in COMMANDS if isinstance(group, Group)}:
            (path,) = [path for path in pages() if path.name == name and number <= len(text_of(path).split("\n"))][:1]
            around = text_of(path).split("\n\n")
            paragraph = next(one for one in around if f"tidegate {text}" in one)
            assert NOT_BUILT.search(paragraph), f"{name}:{number}: there is no command `tidegate {text}`"
            continue
        if command in ALL:
            for option in re.findall(r"(?<!\S)--[a-z-]+", text):
                assert option in {*parameters(command), "--help"}, f"{name}:{number}: tidegate {text}"


def test_every_option_that_a_page_mentions_alone_exists() -> None:
    known = {name for command in ALL for name in parameters(command)} | {"--help", "--version"}
    for path in pages():
        for number, line in prose(path):
            for code in code_spans(line):
                if re.match(r"--[a-z]", code):
                    assert code.split()[0] in known, f"{path.name}:{number}: {code}"
