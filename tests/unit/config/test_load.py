"""Loading: the order of the sources, the built-in defaults, the two secrets, the notices."""
# ruff: noqa: E501 - messages stand here as people read them, in one piece where that helps

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tidegate.config import notices
from tidegate.config.load import load
from tidegate.config.settings import DEFAULT_LIMITS, Settings
from tidegate.model.errors import ConfigError

Load = Callable[..., Settings]
Wrong = Callable[..., list[str]]

LONG = "s" * 32
NO_LIMITS = "tidegate.toml has no [[limits]]: nothing limits how often anyone calls Claude."
BUILT_IN = (
    "No tidegate.toml here, so the built-in defaults are in use: every user may send 20 requests a minute, and there is "
    "NO BUDGET: nothing bounds what is spent. `tidegate init` writes a configuration."
)


def test_without_a_file_the_defaults_are_in_use_and_said(load_text: Load, tmp_path: Path) -> None:
    settings = load_text()
    assert settings == Settings(directory=tmp_path, notices=(BUILT_IN,))
    assert settings.rules.limits == DEFAULT_LIMITS
    assert settings.rules.budgets == ()


def test_own_texts_stand_beside_the_file(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "de.toml").touch()
    settings = load_text('[texts]\nfile = "de.toml"')
    assert settings.texts.file == tmp_path / "de.toml"


def test_own_texts_that_are_not_there(wrong: Wrong, tmp_path: Path) -> None:
    assert wrong('[texts]\nfile = "de.toml"') == [
        f'tidegate.toml:2: "file" in [texts] names {tmp_path / "de.toml"}, which is no readable file'
    ]


def test_an_empty_file_has_no_limits_and_says_so(load_text: Load, tmp_path: Path) -> None:
    settings = load_text("")
    assert settings.rules.limits == ()
    assert settings.notices == (NO_LIMITS,)
    assert settings.source == tmp_path / "tidegate.toml"


def test_options_alone_say_what_they_leave_open(load_text: Load) -> None:
    settings = load_text(overrides={"limits": [], "budgets": [{"per": "user", "amount": 1, "every": "day"}]})
    assert settings.notices == (
        "No tidegate.toml here, so nothing limits how often anyone calls. `tidegate init` writes a configuration.",
    )


def test_the_order_of_the_sources(load_text: Load) -> None:
    file, env = "[gateway]\nport = 1", {"TIDEGATE_GATEWAY_PORT": "3"}
    assert load_text("").gateway.port == 8787
    assert load_text(file).gateway.port == 1
    assert load_text(file, env_file="TIDEGATE_GATEWAY_PORT=2").gateway.port == 2
    assert load_text(file, env).gateway.port == 3
    assert load_text(file, env, {"gateway.port": 4}).gateway.port == 4
    assert load_text(file, env, {"gateway": {"port": 5}}).gateway.port == 5
    assert load_text(file, env, {"gateway.port": None}).gateway.port == 3


def test_the_nearer_source_wins_over_the_more_precise_name(load_text: Load) -> None:
    both = {"PORT": "1", "TIDEGATE_GATEWAY_PORT": "2"}
    assert load_text(None, both).gateway.port == 2
    assert load_text(None, {"PORT": "1"}, env_file="TIDEGATE_GATEWAY_PORT=2").gateway.port == 1


def test_an_empty_variable_counts_as_not_set(load_text: Load) -> None:
    settings = load_text(
        None, {"TIDEGATE_GATEWAY_PORT": "", "PORT": "", "ANTHROPIC_API_KEY": ""}, env_file="ANTHROPIC_API_KEY=k\nPORT=3"
    )
    assert settings.gateway.port == 3
    assert settings.environ["ANTHROPIC_API_KEY"] == "k"


def test_the_env_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "t.toml").touch()
    (tmp_path / "conf" / ".env").write_text("PORT=5\n")
    (tmp_path / ".env").write_text("PORT=6\n")
    settings = load(Path("conf/t.toml"), environ={}, directory=tmp_path)
    assert settings.gateway.port == 5
    assert settings.directory == tmp_path / "conf"
    assert "1 setting read from conf/.env; the environment wins over it." in settings.notices


def test_the_env_file_is_counted_and_never_shown(load_text: Load) -> None:
    text = f"ANTHROPIC_API_KEY=k1\nDATABASE_URL=x\nPORT=3\nTIDEGATE_KEY_SECRET={LONG}\n"
    settings = load_text("", {"PORT": "4"}, env_file=text)
    assert "2 settings read from .env; the environment wins over it." in settings.notices
    assert settings.key_secret is not None
    assert settings.key_secret.reveal() == LONG
    assert settings.environ["DATABASE_URL"] == "x"
    assert LONG not in repr(settings)
    assert "k1" not in repr(settings)
    assert load_text("", env_file="DATABASE_URL=x").notices == (NO_LIMITS,)


def test_an_env_file_cannot_choose_the_file_or_the_stage(load_text: Load) -> None:
    settings = load_text("", env_file="TIDEGATE_CONFIG=x.toml\nTIDEGATE_ENV=production\n")
    assert settings.notices[1:] == (
        "TIDEGATE_CONFIG in .env has no effect: it must be in the environment.",
        "TIDEGATE_ENV in .env has no effect: it must be in the environment.",
    )


@pytest.mark.parametrize(
    "sign",
    [
        "FLY_APP_NAME",
        "RAILWAY_ENVIRONMENT",
        "KUBERNETES_SERVICE_HOST",
        "VERCEL",
        "RENDER",
        "K_SERVICE",
        "AWS_EXECUTION_ENV",
        "DYNO",
    ],
)
def test_in_production_no_env_file_is_read(sign: str, load_text: Load) -> None:
    settings = load_text("", {sign: "x"}, env_file="TIDEGATE_NONSENSE=3")
    assert f".env is not read, because {sign} says that this is production." in settings.notices


def test_the_stage_decides_over_the_platform(load_text: Load) -> None:
    assert load_text("", {"TIDEGATE_ENV": "production"}, env_file="PORT=3").gateway.port == 8787
    assert load_text("", {"TIDEGATE_ENV": "development", "DYNO": "x"}, env_file="PORT=3").gateway.port == 3
    assert load_text("", {"VERCEL": "1", "VERCEL_ENV": "preview"}, env_file="PORT=3").gateway.port == 3


def test_a_stage_is_one_of_two(wrong: Wrong) -> None:
    assert wrong(None, {"TIDEGATE_ENV": "prod"}) == ['TIDEGATE_ENV must be "production" or "development"']


def test_a_virtual_environment_called_env_is_left_alone(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert load_text("").notices == (NO_LIMITS,)


@pytest.mark.parametrize("name", ["TIDEGATE_ADMIN_TOKEN", "TIDEGATE_KEY_SECRET"])
def test_secrets_are_long_enough(name: str, load_text: Load, wrong: Wrong, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(LONG + "\n")
    settings = load_text(None, {f"{name}_FILE": str(file)})
    hidden = settings.admin_token if "ADMIN" in name else settings.key_secret
    assert hidden is not None
    assert hidden.reveal() == LONG
    short = f"{name} must have at least 32 characters, not 31; `openssl rand -hex 32` makes a good one"
    assert wrong(None, {name: "s" * 31}) == [short]
    assert wrong(None, {name: LONG, f"{name}_FILE": "/x"}) == [f"{name} and {name}_FILE are both set; keep one"]
    file.write_text("")
    assert wrong(None, {f"{name}_FILE": str(file)}) == [short.replace("31", "0")]
    missing = f"{name}_FILE: /none/x: cannot be read: No such file or directory"
    assert wrong(None, {f"{name}_FILE": "/none/x"}) == [missing]


def test_the_environment_given_is_the_only_one(load_text: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_GATEWAY_PORT", "1")
    monkeypatch.setenv("TIDEGATE_CONFIG", "/nowhere")
    assert load_text("").gateway.port == 8787


def test_the_example_of_the_design_loads(load_text: Load) -> None:
    settings = load_text(EXAMPLE)
    assert len(tomllib.loads(EXAMPLE)) == 12
    assert [limit.counts for limit in settings.rules.limits] == [
        "requests",
        "input_tokens",
        "output_tokens",
        "tokens",
        "concurrent",
    ]
    assert settings.rules.route("summarise").max_tokens == 512
    assert settings.notices == tuple(notices.about_unbuilt(settings))
    assert len(settings.notices) == 2


def test_a_wrong_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, environ={}, directory=tmp_path)


EXAMPLE = """
[gateway]
host = "127.0.0.1"
port = 8787
public_url = "https://claude.example.com"
max_body = "32MB"
drain = "30s"
[upstreams.anthropic]
url = "https://api.anthropic.com"
api_key = "env://ANTHROPIC_API_KEY"
priority = 1
[upstreams.bedrock]
url = "https://bedrock.example.com"
[store]
url = "sqlite:///tidegate.db"
durability = "process"
when_down = { budgets = "closed", limits = "local" }
[ledger]
url = "sqlite:///tidegate.db"
[policy]
bound = "counted"
unbounded = "estimate"
unknown_model = "refuse"
on_cut = "assume"
[retry]
attempts = 5
base = "1s"
cap = "16s"
deadline = "60s"
budget = 0.2
[breaker]
open_above = 0.5
window = "10s"
probe_after = "5s"
[timeouts]
connect = "5s"
first_byte = "120s"
idle = "90s"
total = "600s"
[[limits]]
per = "user"
where = { app = "chat" }
requests = "20/minute"
input_tokens = "200000/minute"
output_tokens = "50000/hour"
tokens = "2000000/day"
concurrent = 4
[[budgets]]
per = "organization"
amount = "500 USD"
every = "month"
alert_at = [50, 80, 95]
[routes.summarise]
max_tokens = 512
when_above = "clamp"
models = ["claude-haiku-4-5", "claude-sonnet-5"]
fallback = ["upstream:bedrock", "model:claude-haiku-4-5", "static:Sorry, please try again in a minute."]
[prices."my-model"]
input = 3.0
output = 15.0
"""


# -- processes that share nothing

ALONE = (
    "so each process would keep limits and budgets of its own, and their sum could be spent: "
    'let [store] url be "sqlite:///tidegate.db", or workers 1'
)
MEMORY = '[store]\nurl = "memory://"\n'


@pytest.mark.parametrize(
    ("text", "environ", "overrides", "env_file", "line"),
    [
        (
            f"{MEMORY}[gateway]\nworkers = 2",
            {},
            {},
            None,
            f'tidegate.toml:4: "workers" in [gateway] is 2, but the store is memory:// (tidegate.toml:2), {ALONE}',
        ),
        (
            MEMORY,
            {"TIDEGATE_GATEWAY_WORKERS": "4"},
            {},
            None,
            f"TIDEGATE_GATEWAY_WORKERS is 4, but the store is memory:// (tidegate.toml:2), {ALONE}",
        ),
        (
            MEMORY,
            {},
            {},
            "TIDEGATE_GATEWAY_WORKERS=3",
            f".env:1: TIDEGATE_GATEWAY_WORKERS is 3, but the store is memory:// (tidegate.toml:2), {ALONE}",
        ),
        (
            MEMORY,
            {},
            {"gateway": {"workers": 2}},
            None,
            f'the option "gateway.workers" is 2, but the store is memory:// (tidegate.toml:2), {ALONE}',
        ),
        (
            "[gateway]\nworkers = 2",
            {"TIDEGATE_STORE_URL": "memory://"},
            {},
            None,
            f'tidegate.toml:2: "workers" in [gateway] is 2, but the store is memory:// (TIDEGATE_STORE_URL), {ALONE}',
        ),
    ],
)
def test_workers_cannot_share_memory(
    wrong: Wrong,
    text: str,
    environ: dict[str, str],
    overrides: dict[str, object],
    env_file: str | None,
    line: str,
) -> None:
    assert wrong(text, environ, overrides, env_file) == [line]


def test_one_worker_may_have_its_memory(load_text: Load) -> None:
    assert load_text(f"{MEMORY}[gateway]\nworkers = 1").store.url == "memory://"
    assert load_text(f"{MEMORY}[gateway]\nworkers = 2", overrides={"gateway.workers": 1}).gateway.workers == 1


def test_a_guard_with_its_own_memory_has_no_workers(load_text: Load) -> None:
    """`tidegate.guard(client, store={"url": "memory://"})` beside the configuration of a gateway."""
    assert load_text("[gateway]\nworkers = 2", overrides={"store": {"url": "memory://"}}).store.url == "memory://"
