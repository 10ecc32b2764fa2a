"""Points 1 and 10, as the target itself sees them; here they are read from its receipt."""

from collections.abc import Iterable
from typing import Final

from tidegate.checks.boot.target import ADDRESS, ANSWER, BOOKS, BOOT, IS_TARGET, KEY, MANNERS, NAMES, SECRETS
from tidegate.checks.check import Check
from tidegate.checks.project import Project
from tidegate.checks.verdict import Verdict

_RELEASE: Final = f'[deploy]                                  # fly.toml\nrelease_command = "{BOOT}"'


def booted(project: Project) -> Iterable[Verdict]:
    """Variables are set by hand, per target, and forgotten.  Whether the real ones are there, well shaped and no
    development key is seen only inside of the target; a receipt of it, without values, is what this check reads.
    """
    return project.target.get().said(IS_TARGET)


def keyed(project: Project) -> Iterable[Verdict]:
    """A placeholder, a key with a line end, an app key where an API key belongs or a token of somebody's subscription
    look well in a list of variables and are refused at the first request of the first user.
    """
    return project.target.get().said(KEY)


def addressed(project: Project) -> Iterable[Verdict]:
    """An address that was right where the program was made leads nowhere in the target; one in plain http
    shows the key and all content to whoever stands between.
    """
    return project.target.get().said(ADDRESS)


def answering(project: Project) -> Iterable[Verdict]:
    """Only a request from inside of the target tells that key, address, name service, firewall, proxy, certificates and
    clock fit together.  `GET /v1/models` costs nothing.
    """
    return project.target.get().said(ANSWER)


def mannered(project: Project) -> Iterable[Verdict]:
    """What helped on a developer's machine (debug logs, error pages with source, no checking of certificates) shows in
    production what users wrote and how the program works.
    """
    return project.target.get().said(MANNERS)


def whole(project: Project) -> Iterable[Verdict]:
    """A variable that was added to the program and to .env.example, and not to the target, is missed at run time."""
    return project.target.get().said(NAMES)


def writable(project: Project) -> Iterable[Verdict]:
    """Without a store that can be written the gate refuses, because it could not keep a budget; on a disk that is gone
    after the next deploy, limits and the record of all charges begin anew each time.
    """
    return project.target.get().said(BOOKS)


def secret(project: Project) -> Iterable[Verdict]:
    """TIDEGATE_KEY_SECRET makes the hashes of app keys, TIDEGATE_ADMIN_TOKEN opens the dashboard: whoever guesses one
    has the gateway.
    """
    return project.target.get().said(SECRETS)


BOOTED = Check(
    id=IS_TARGET,
    title="The target was checked with its real variables",
    severity="high",
    confidence="high",
    evidence="live",
    scope="project",
    look=booted,
    bad="the first request of the first user is the test",
    good=f"{_RELEASE}\n# its last line goes into tidegate-receipt.json, which is committed",
)
CHECKS = (
    Check(
        id=KEY,
        title="The target has a key for production",
        severity="high",
        confidence="high",
        evidence="live",
        scope="project",
        look=keyed,
        bad="ANTHROPIC_API_KEY=your-key-here",
        good="fly secrets set ANTHROPIC_API_KEY=…   # a key that no other place has",
    ),
    Check(
        id=ADDRESS,
        title="The target's way to Claude is a sane address",
        severity="high",
        confidence="high",
        evidence="live",
        scope="project",
        look=addressed,
        bad="ANTHROPIC_BASE_URL=http://claude.example.com/v1",
        good="ANTHROPIC_BASE_URL=https://claude.mycompany.com   # or left out",
    ),
    Check(
        id=ANSWER,
        title="Claude answers the target",
        severity="high",
        confidence="high",
        evidence="live",
        scope="project",
        look=answering,
        bad="the container may not open connections to api.anthropic.com",
        good=_RELEASE,
    ),
    Check(
        id=MANNERS,
        title="Nothing of development is switched on in the target",
        severity="medium",
        confidence="high",
        evidence="live",
        scope="project",
        look=mannered,
        bad="ANTHROPIC_LOG=debug",
        good="# ANTHROPIC_LOG left out",
    ),
    Check(
        id=NAMES,
        title="Every variable of .env.example is set in the target",
        severity="low",
        confidence="medium",
        evidence="live",
        scope="project",
        look=whole,
        bad="# REDIS_URL stands in .env.example, and nowhere in the target",
        good="fly secrets set REDIS_URL=…",
    ),
    Check(
        id=BOOKS,
        title="The target can write tidegate's store and ledger",
        severity="high",
        confidence="high",
        evidence="live",
        scope="project",
        look=writable,
        bad='url = "sqlite:///tidegate.db"   # in a folder of the image',
        good='url = "sqlite:////data/tidegate.db"   # on a volume',
    ),
    Check(
        id=SECRETS,
        title="tidegate's secrets are set in the target, and good",
        severity="high",
        confidence="high",
        evidence="live",
        scope="project",
        look=secret,
        bad="TIDEGATE_ADMIN_TOKEN=changeme",
        good="TIDEGATE_ADMIN_TOKEN=…   # openssl rand -hex 32",
    ),
)
