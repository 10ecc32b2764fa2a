"""Made-up credentials and what only looks like one, made when a test runs, so that none stands in this repository."""

import base64
import random
import string
from collections.abc import Callable, Iterator

from tidegate.checks.scan.kinds import KindName
from tidegate.model.keys import compose

URLSAFE = string.ascii_letters + string.digits + "-_"
PLAIN = string.ascii_letters + string.digits
START = "sk-" + "ant-"


def drawn(rng: random.Random, length: int, alphabet: str = URLSAFE) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _key(name: str) -> Callable[[random.Random], str]:
    return lambda rng: f"{START}{name}-{drawn(rng, 93)}AA"


def _signed(rng: random.Random) -> str:
    parts = [
        base64.urlsafe_b64encode(text).rstrip(b"=").decode() for text in (b'{"alg":"HS256"}', b'{"sub":"someone"}')
    ]
    return f"{START}si-{'.'.join(parts)}.{drawn(rng, 43)}"


MAKERS: dict[KindName, Callable[[random.Random], str]] = {
    "api-key": _key("api03"),
    "admin-key": _key("admin01"),
    "compliance-key": _key("api01"),
    "oauth-token": lambda rng: f"{START}oat01-{drawn(rng, 95, PLAIN)}",
    "refresh-token": lambda rng: f"{START}ort01-{drawn(rng, 95, PLAIN)}",
    "session-key": lambda rng: f"{START}sid01-{drawn(rng, 86, PLAIN)}-{drawn(rng, 6, PLAIN)}AA",
    "session-token": _signed,
    "claude-credential": lambda rng: f"{START}req-{drawn(rng, 64, PLAIN)}",
    "webhook-secret": lambda rng: f"whsec_{base64.b64encode(rng.randbytes(24)).decode()}",
    "app-key": lambda rng: compose(drawn(rng, 8, string.ascii_lowercase + string.digits), rng.randbytes(24)),
}
"""One for every kind."""


def look_alikes(rng: random.Random) -> list[str]:
    """Two hundred lines as they stand in documentation, tests and code, without a credential."""
    found = list(_written_by_hand()) + [line for make in _GENERATED for line in make(rng)]
    assert len(found) >= 200
    return found


def _written_by_hand() -> Iterator[str]:
    api = f"{START}api03-"
    for text in ("...", "…", "<your key>", "${KEY}", "{{ secrets.KEY }}", "%s", "{key}", "XXXX", "", "abc123", "***"):
        yield f"ANTHROPIC_API_KEY={api}{text}"
    for text in (
        "your-api-key-here",
        "YOUR_API_KEY",
        "replace-me-with-a-real-key",
        "not-a-real-key",
        "fake",
        "test-key",
    ):
        yield f'client = Anthropic(api_key="{api}{text}")'
    yield f'key = "{api}" + secrets.token_urlsafe(70)'
    yield f'pattern = re.compile(r"{api}[A-Za-z0-9_-]{{93}}AA")'
    yield f"(?:{START}(?:api|admin)\\d\\d-[\\w-]{{93}}AA)"
    yield f"if not key.startswith({START!r}): raise ValueError"
    for prefix in ("sk_ant_api03_", "SK-ANT-API03-", "sk-ant-api3", "sk-or-v1-", "sk-proj-", "tg_user_id_", "cfg_tg_"):
        yield f"{prefix}{'0123456789abcdef' * 5}"
    # The shape is right and the text is not random: examples of other scanners, keyboards, alphabets.
    yield f"{api}abc123xyz-456def789ghij-klmnopqrstuvwx-3456yza789bcde-1234fghijklmnopby56aaaogaopaaaabc123xyzAA"
    for text in (string.ascii_letters + string.digits, string.digits, "qwertyuiopasdfghjklzxcvbnm", "a1b2c3d4e5f6g7h8"):
        yield f"{api}{(text * 10)[:93]}AA"
    for letter in "xX0A*-":
        yield f"{api}{letter * 93}AA"
    yield f"{api}{('this-is-only-an-example-of-a-key-' * 3)[:93]}AA"
    yield f"{api}{('Replace1-Me2-With3-Your4-Own5-Key6-' * 3)[:93]}AA"


def _truncated(rng: random.Random) -> Iterator[str]:
    for length in range(4, 94, 3):
        yield f"key: {START}api03-{drawn(rng, length)}"


def _too_long(rng: random.Random) -> Iterator[str]:
    for length in range(96, 126, 2):
        yield f"{START}admin01-{drawn(rng, length, PLAIN)}"


def _without_end(rng: random.Random) -> Iterator[str]:
    for _ in range(15):
        yield f"{START}api03-{drawn(rng, 93)}{drawn(rng, 2, 'bcdefg')}"


def _masked(rng: random.Random) -> Iterator[str]:
    for mask in ("...", "…", "****************", "••••••••", "<redacted>", "[cut]", "xxxxxxxxxxxxxxxx"):
        for kind in ("api03", "oat01", "admin01"):
            yield f"{START}{kind}-{drawn(rng, 12, PLAIN)}{mask}{drawn(rng, 4, PLAIN)}"


def _repeated(rng: random.Random) -> Iterator[str]:
    for length in (3, 5, 8, 12, 16, 24, 31):
        for kind in ("api03", "oat01"):
            yield f"{START}{kind}-{(drawn(rng, length) * 40)[:93]}AA"


def _short_tokens(rng: random.Random) -> Iterator[str]:
    for kind in ("oat01", "ort01", "sid01", "req", "test"):
        for length in (8, 16, 24, 36):
            yield f"{START}{kind}-{drawn(rng, length, PLAIN)}"


def _app_keys(rng: random.Random) -> Iterator[str]:
    for _ in range(10):
        key = MAKERS["app-key"](rng)
        yield key[:-1] + ("a" if key[-1] != "a" else "b")
        yield f"tg_{drawn(rng, 8, string.ascii_lowercase)}_{drawn(rng, 20, PLAIN)}"
    for word in ("user", "name", "secret", "test"):
        yield f"whsec_{word}"
        yield f"whsec_{(word * 10)[:32]}"


def _other_texts(rng: random.Random) -> Iterator[str]:
    """Long and random, but something else; or a placeholder that is encoded."""
    for size in (20, 32, 48, 64, 128):
        raw = rng.randbytes(size)
        yield f'"integrity": "sha512-{base64.b64encode(raw).decode()}"'
        yield f"sha256:{raw.hex()}"
        yield f"data:image/png;base64,{base64.b64encode(raw * 9).decode()}"
        yield f"Bearer eyJ{drawn(rng, size)}.eyJ{drawn(rng, size)}.{drawn(rng, 43)}"
    for text in (f"{START}api03-your-key", f"{START}api03-{'x' * 95}", f"{START}oat01-...", "tg_abcdefgh_"):
        yield f"value: {base64.b64encode(text.encode()).decode()}"


_GENERATED = (
    _truncated,
    _too_long,
    _without_end,
    _masked,
    _repeated,
    _short_tokens,
    _app_keys,
    _other_texts,
)
