"""Loading the settings: defaults < file < `.env` < environment < overrides; every problem is told at once."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from tidegate.config import environment, files, notices, read
from tidegate.config.declared import read_prices, read_upstreams
from tidegate.config.files import ConfigFile, EnvFile
from tidegate.config.hidden import Hidden, HiddenEnvironment
from tidegate.config.merge import merge_overrides, merge_variables
from tidegate.config.prices import price_book
from tidegate.config.rules import read_rules
from tidegate.config.settings import (
    DEFAULT_LIMITS,
    GatewaySettings,
    LedgerSettings,
    Settings,
    StoreSettings,
    TextsSettings,
    WhenDown,
)
from tidegate.config.trouble import Sources, Trouble
from tidegate.model.errors import ConfigError

SHORTEST_SECRET = 32
"""Characters of TIDEGATE_ADMIN_TOKEN and TIDEGATE_KEY_SECRET."""


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str],
    directory: Path,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """The settings of this start; raises ConfigError with one line for every problem.

    `directory` is the working directory.  `overrides` are by dotted name (`{"gateway.port": 0}`) or nested; None
    values count as not given.
    """
    if environ.get("TIDEGATE_ENV", "") not in {"", "production", "development"}:
        raise ConfigError('TIDEGATE_ENV must be "production" or "development"')
    said: list[str] = []
    file = files.find(path, environ, directory)
    env_file = _env_file(file, environ, directory, said)
    tree, lines = files.read_toml(files.read_text(file.path, file.name), file.name) if file else ({}, {})
    trouble = Trouble(Sources(tree, file.name if file else files.FILE_NAME, lines, {}))
    if env_file:
        merge_variables(trouble, env_file.values, env_file)
    merge_variables(trouble, environ)
    merge_overrides(trouble, overrides or {})
    return _settings(trouble, file, directory, HiddenEnvironment(_over(environ, env_file)), said)


def _settings(
    trouble: Trouble, file: ConfigFile | None, directory: Path, environ: HiddenEnvironment, said: list[str]
) -> Settings:
    home = file.path.parent if file else directory
    read.sections(trouble)
    gateway = GatewaySettings(**read.section(trouble, "gateway"))
    store = _store(trouble, gateway.workers)
    upstreams = read_upstreams(trouble, home)
    prices = read_prices(trouble)
    rules = read_rules(trouble, [one.name for one in upstreams], price_book(prices), said)
    if file is None and "limits" not in trouble.sources.tree:
        rules = replace(rules, limits=DEFAULT_LIMITS)
    settings = Settings(
        gateway=gateway,
        upstreams=upstreams,
        store=store,
        ledger=LedgerSettings(**read.section(trouble, "ledger")),
        texts=_texts(trouble, home),
        rules=rules,
        prices=prices,
        admin_token=_secret(trouble, "TIDEGATE_ADMIN_TOKEN", environ),
        key_secret=_secret(trouble, "TIDEGATE_KEY_SECRET", environ),
        environ=environ,
        source=file.path if file else None,
        directory=home,
        notices=(*notices.about_rules(file, rules), *said, *notices.about_upstreams(upstreams)),
    )
    trouble.raise_all()
    return replace(settings, notices=(*settings.notices, *notices.about_unbuilt(settings)))


def _store(trouble: Trouble, workers: int) -> StoreSettings:
    given = read.section(trouble, "store")
    store = StoreSettings(**{**given, "when_down": WhenDown(**given.get("when_down", {}))})
    origin = trouble.sources.origin(("store", "url"))
    # What a call names as its own store is for its own process; a gateway's is always in the file or a variable.
    if workers > 1 and store.url == "memory://" and not (origin and origin.option):
        trouble.say(
            ("gateway", "workers"),
            f"is {workers}, but the store is memory:// ({trouble.sources.place(('store', 'url'))}), so each process "
            "would keep limits and budgets of its own, and their sum could be spent: let [store] url be "
            '"sqlite:///tidegate.db", or workers 1',
        )
    return store


def _texts(trouble: Trouble, home: Path) -> TextsSettings:
    given = read.section(trouble, "texts")
    if "file" not in given:
        return TextsSettings()
    path = home / given["file"]
    if not files.is_file(path):
        trouble.say(("texts", "file"), f"names {path}, which is no readable file")
    return TextsSettings(file=path)


def _env_file(file: ConfigFile | None, environ: Mapping[str, str], directory: Path, said: list[str]) -> EnvFile | None:
    """The `.env` beside the configuration; never in production, where it would be a file that came along."""
    path = (file.path.parent if file else directory) / ".env"
    name = str(Path(file.name).with_name(".env")) if file else ".env"
    if not files.is_file(path):  # a virtual environment may be a directory of that name
        return None
    if sign := environment.production_sign(environ):
        said.append(f"{name} is not read, because {sign} says that this is production.")
        return None
    found = files.read_env_file(path, name)
    said.extend(notices.about_env_file(found, environ))
    return found


def _over(environ: Mapping[str, str], env_file: EnvFile | None) -> dict[str, str]:
    """The environment over the `.env`; an empty variable does not hide what the file gives."""
    under = env_file.values if env_file else {}
    return {**under, **{name: value for name, value in environ.items() if value or name not in under}}


def _secret(trouble: Trouble, name: str, environ: Mapping[str, str]) -> Hidden | None:
    """A secret of the environment, or of the file that NAME_FILE names, as containers give them."""
    value, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if value and path:
        trouble.plain(f"{name} and {name}_FILE are both set; keep one")
    elif path:
        try:
            value = files.read_text(Path(path), f"{name}_FILE: {path}").removesuffix("\n")
        except ConfigError as error:
            trouble.plain(str(error))
            return None
    if (value or path) and len(value) < SHORTEST_SECRET:
        trouble.plain(
            f"{name} must have at least {SHORTEST_SECRET} characters, not {len(value)}; "
            "`openssl rand -hex 32` makes a good one"
        )
    return Hidden(value) if value else None
