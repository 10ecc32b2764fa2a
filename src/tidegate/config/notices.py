"""What a start says aloud about its configuration: legal, but worth knowing."""

from collections.abc import Mapping

from tidegate.config import urls
from tidegate.config.files import FILE_NAME, ConfigFile, EnvFile
from tidegate.config.settings import DEFAULT_LIMITS, Settings, UpstreamSettings, WhenDown
from tidegate.policy.rules import Rules


def about_rules(file: ConfigFile | None, rules: Rules) -> list[str]:
    """Built-in defaults in use, and rules that limit nothing."""
    if file is not None:
        return [] if rules.limits else [f"{file.name} has no [[limits]]: nothing limits how often anyone calls Claude."]
    said = []
    if not rules.limits:
        said.append("nothing limits how often anyone calls")
    elif rules.limits == DEFAULT_LIMITS:
        said.append("the built-in defaults are in use: every user may send 20 requests a minute")
    if not rules.budgets:
        said.append("there is NO BUDGET: nothing bounds what is spent")
    return [f"No {FILE_NAME} here, so {', and '.join(said)}. `tidegate init` writes a configuration."] if said else []


def about_unbuilt(settings: Settings) -> list[str]:
    """Settings that this version reads and does not act on yet: nobody must believe in what is not there."""
    rules = settings.rules
    set_ = {
        "[store] when_down": settings.store.when_down != WhenDown(),
        "[[budgets]] alert_at": any(budget.alert_at for budget in rules.budgets),
        "[gateway] public_url": settings.gateway.public_url is not None,
    }
    return [f"{name} has no effect in this version." for name, used in set_.items() if used]


def about_env_file(found: EnvFile, environ: Mapping[str, str]) -> list[str]:
    """How many settings came from a `.env`; never which values."""
    ours = [name for name in found.values if name == "PORT" or name.startswith(("TIDEGATE_", "ANTHROPIC_"))]
    idle = {"TIDEGATE_CONFIG", "TIDEGATE_ENV"} & found.values.keys()
    used = [name for name in ours if name not in idle and found.values[name] and not environ.get(name)]
    notices = [f"{name} in {found.name} has no effect: it must be in the environment." for name in sorted(idle)]
    if used:
        count = "1 setting" if len(used) == 1 else f"{len(used)} settings"
        notices.append(f"{count} read from {found.name}; the environment wins over it.")
    return notices


def about_upstreams(upstreams: tuple[UpstreamSettings, ...]) -> list[str]:
    """Clear text over a network."""
    return [
        f'The upstream "{one.name}" is called over http, in clear text: its key and all content can be read on '
        "the way. Use https."
        for one in upstreams
        if one.url.startswith("http:") and not urls.is_loopback(one.url)
    ]
