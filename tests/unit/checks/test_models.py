"""What is known of models, and that it agrees with the SDK and with the prices."""

import tomllib
from datetime import date, datetime
from importlib.resources import files

import pytest
from anthropic.resources.messages.messages import DEPRECATED_MODELS

from tidegate.checks.facts.manners import GIVEN, MODEL, VERSION, refused, sdk_version
from tidegate.checks.facts.models import find_model, is_of_platform, plain_name
from tidegate.checks.files.settings import Text
from unit.checks.programs import asking

TABLE = tomllib.loads((files("tidegate.checks.facts") / "models.toml").read_text("utf-8"))


@pytest.mark.parametrize("name", DEPRECATED_MODELS)
def test_the_dates_are_those_of_the_sdk(name: str) -> None:
    said = DEPRECATED_MODELS[name].replace("st,", ",").replace("nd,", ",").replace("rd,", ",").replace("th,", ",")
    model = find_model(name)
    assert model is not None
    assert model.ends == datetime.strptime(said, "%B %d, %Y").date()  # noqa: DTZ007 - a day


@pytest.mark.parametrize(
    "name", sorted({one for some in TABLE["manners"].values() for one in some} | set(TABLE["instead"].values()))
)
def test_every_model_of_the_table_has_a_price(name: str) -> None:
    model = find_model(name)
    assert model is not None
    assert model.max_output is not None
    assert not model.retired


def test_what_replaces_a_model_lives() -> None:
    for name in TABLE["instead"].values():
        model = find_model(name)
        assert model is not None
        assert model.ends is None


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-3-7-sonnet-latest", "claude-3-7-sonnet"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("anthropic/claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-opus-5-5[1m]", "claude-opus-5-5"),
        ("claude-2.1", "claude-2"),
        ("gpt-5", "gpt-5"),
    ],
)
def test_names(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_what_is_not_known() -> None:
    assert [find_model(name) for name in ("gpt-5", "claude-next", "")] == [None, None, None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", True),
        ("bedrock/us.anthropic.claude-3-haiku-20240307-v1:0", True),
        ("claude-3-5-sonnet@20240620", True),
        ("claude-3-5-sonnet-20240620", False),
        ("anthropic/claude-3-5-sonnet", False),
    ],
)
def test_the_names_of_platforms(name: str, expected: bool) -> None:
    assert is_of_platform(name) == expected


def test_a_model_that_ended_on_an_unknown_day() -> None:
    model = find_model("claude-3-5-sonnet-20241022")
    assert model is not None
    assert (model.retired, model.ends, model.instead) == (True, None, "claude-sonnet-5-5")
    assert find_model("claude-sonnet-4-5") == find_model("claude-sonnet-4-5-20250929")
    assert (find_model("claude-sonnet-4-5") or model).ends == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("requirements.txt", "anthropic>=2,<3", "new"),
        ("requirements.txt", "anthropic==0.97.0", "old"),
        ("requirements.txt", "anthropic<2", "old"),
        ("requirements.txt", "anthropic", "new"),
        ("requirements.txt", "anthropic[bedrock]~=2.1", "new"),
        ("requirements.txt", "langchain-anthropic==1.0", "unknown"),
        ("pyproject.toml", '[project]\ndependencies = [\n  "anthropic>=2.10",\n]', "new"),
        ("uv.lock", '[[package]]\nname = "anthropic"\nversion = "0.80.1"', "old"),
        ("requirements.txt", "flask", "unknown"),
    ],
)
def test_the_version_of_the_python_sdk(name: str, text: str, version: str) -> None:
    assert sdk_version([Text(name, text)], python=True) == version


@pytest.mark.parametrize(
    ("wanted", "version"),
    [("^1.10.0", "new"), ("1.0.0", "new"), ("^0.60.0", "old"), ("~0.9", "old"), ("latest", "new")],
)
def test_the_version_of_the_typescript_sdk(wanted: str, version: str) -> None:
    text = Text("package.json", f'{{ "dependencies": {{ "@anthropic-ai/sdk": "{wanted}" }} }}')
    assert sdk_version([text], python=False) == version


REFUSED = {
    "temperature": ("model='claude-haiku-4-5', temperature=0.1", 1),
    "top_p and top_k": ("model='claude-haiku-4-5', top_p=0.1, top_k=5", 2),
    "nothing given": ("model='claude-haiku-4-5', temperature=None", 0),
    "a budget": ("model='claude-opus-5', thinking={'type': 'enabled', 'budget_tokens': 1024}", 1),
    "a budget of an older model": ("model='claude-opus-4-5', thinking={'type': 'enabled', 'budget_tokens': 1024}", 0),
    "thinking off": ("model='claude-opus-5-5', thinking={'type': 'disabled'}", 1),
    "adaptive": ("model='claude-opus-5-5', thinking={'type': 'adaptive'}", 0),
    "a forced tool": ("model='claude-sonnet-5-5', tool_choice={'type': 'any'}", 1),
    "a tool of its choice": ("model='claude-sonnet-5-5', tool_choice={'type': 'auto'}", 0),
    "a begun answer": ("model='claude-sonnet-5', messages=[{'role': 'user'}, {'role': 'assistant'}]", 1),
    "a begun answer of an older model": (
        "model='claude-haiku-4-5', messages=[{'role': 'user'}, {'role': 'assistant'}]",
        0,
    ),
    "an unknown model": ("model=choose(), thinking={'type': 'adaptive'}", 0),
    "no thinking": ("model='claude-opus-5', thinking=None", 0),
    "an older model, and thinking out of sight": ("model='claude-opus-4-5', thinking=choose()", 0),
}

DOUBTED = {
    "an unknown model that may always think": ("model=choose(), thinking={'type': 'disabled'}", MODEL),
    "an unknown model and a budget": ("model=choose(), thinking={'type': 'enabled'}", MODEL),
    "an unknown model and a forced tool": ("model=choose(), tool_choice={'type': 'tool', 'name': 'a'}", MODEL),
    "an unknown model and a begun answer": ("model=choose(), messages=[{'role': 'assistant'}]", MODEL),
    "thinking out of sight": ("model='claude-opus-5', thinking=choose()", GIVEN),
    "a tool out of sight": ("model='claude-sonnet-5-5', tool_choice=choose()", GIVEN),
}


@pytest.mark.parametrize(("arguments", "count"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(arguments: str, count: int) -> None:
    made, found = asking(
        {"a.py": f"import anthropic\nanthropic.Anthropic().messages.create(max_tokens=9, {arguments})"}
    )
    assert len(list(refused(made, found.requests[0], "new"))) == count


@pytest.mark.parametrize(("arguments", "doubt"), DOUBTED.values(), ids=DOUBTED)
def test_what_may_be_refused(arguments: str, doubt: str) -> None:
    made, found = asking({"a.py": f"import anthropic\nanthropic.Anthropic().messages.create({arguments})"})
    assert [one.doubt for one in refused(made, found.requests[0], "new")] == [doubt]


def test_a_dict_that_is_named_is_read() -> None:
    source = (
        "import anthropic\nHARD = {'type': 'enabled', 'budget_tokens': 1024}\n"
        "anthropic.Anthropic().messages.create(model='claude-opus-5', thinking=HARD)"
    )
    made, found = asking({"a.py": source})
    assert [one.doubt for one in refused(made, found.requests[0], "new")] == [""]


def test_an_older_sdk_takes_temperature_and_an_unknown_one_may() -> None:
    made, found = asking({"a.py": "import anthropic\nanthropic.Anthropic().messages.create(model='m', temperature=1)"})
    (request,) = found.requests
    assert list(refused(made, request, "old")) == []
    assert [one.doubt for one in refused(made, request, "unknown")] == [VERSION]


def test_a_client_of_the_older_http_library() -> None:
    source = "import anthropic, httpx\nanthropic.Anthropic(http_client=httpx.Client()).messages.create(model='m')"
    made, found = asking({"a.py": source})
    (one,) = refused(made, found.requests[0], "new")
    assert "httpx" in one.text
