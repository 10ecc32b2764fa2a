"""One finding a secret, with all its places; suppressions and what to do."""

import random
from datetime import date

from tidegate.checks.scan.dig import Hit
from tidegate.checks.scan.gather import Gathered, place_of
from tidegate.checks.scan.match import fingerprint
from tidegate.checks.scan.results import Finding, Place, Suppressed
from tidegate.checks.scan.suppressions import Suppressions
from unit.checks.scan.fakes import MAKERS

KEY = MAKERS["api-key"](random.Random(1)).encode()
APP = MAKERS["app-key"](random.Random(1)).encode()
TODAY = date(2026, 6, 1)


def finding(*places: Place, secret: bytes = KEY, rules: Suppressions | None = None) -> Finding:
    gathered = Gathered()
    for place in places:
        gathered.add(Hit("app-key" if secret == APP else "api-key", secret, True, 1, 1), place)
    (found,) = gathered.findings(rules or Suppressions(), TODAY)
    return found


def version(number: int, day: str, path: str = "a.py") -> Place:
    return Place(where="history", path=path, line=number, column=1, object=f"{number}" * 40, commit="c" * 40, date=day)


def test_the_versions_of_a_path_are_one_place_the_oldest() -> None:
    found = finding(
        version(3, "2026-03-01"), version(1, "2026-01-01"), version(2, "2026-02-01"), version(4, "2026-01-05", "b.py")
    )
    assert [(place.path, place.date, place.versions) for place in found.places] == [
        ("a.py", "2026-01-01", 3),
        ("b.py", "2026-01-05", 1),
    ]


def test_files_come_before_the_history() -> None:
    found = finding(version(1, "2026-01-01"), Place(where="git", path=".git/config"), Place(where="file", path="z.py"))
    assert [place.where for place in found.places] == ["file", "history", "git"]


def test_a_fingerprint_is_the_beginning_of_the_sha256() -> None:
    assert fingerprint(b"abc") == "ba7816bf8f01cfea"
    assert finding(Place(where="file")).fingerprint == fingerprint(KEY)


def test_suppressions_count_until_their_last_day() -> None:
    place = Place(where="file", path="a")
    for last, counts in ((date(2026, 6, 1), True), (date(2026, 5, 31), False)):
        rule = Suppressed("some reason", last)
        found = finding(place, rules=Suppressions({fingerprint(KEY): rule}))
        assert (found.suppressed, found.expired) == ((rule, None) if counts else (None, rule))


def test_another_secret_in_the_same_place_is_not_suppressed() -> None:
    rules = Suppressions({fingerprint(KEY): Suppressed("some reason", TODAY)})
    assert finding(Place(where="file", path="a"), secret=APP, rules=rules).suppressed is None


def test_advice_begins_with_revoking() -> None:
    found = finding(Place(where="file", path="a"), version(1, "2026-01-01", "api/Dockerfile"))
    assert [step.split()[0] for step in found.advice] == ["Revoke", "Then", "It", "Every"]
    assert "Claude Console" in found.advice[0]
    assert finding(Place(where="staged", path="a")).advice[-1].startswith("Then take it out")
    key_id = APP.decode()[3:11]
    assert f"`tidegate keys revoke {key_id}`" in finding(Place(where="file"), secret=APP).advice[0]


def test_members_of_archives_follow_the_path() -> None:
    hit = Hit("api-key", KEY, True, 2, 7, ("zip",), (b"a/b.py",))
    assert place_of(hit, "file", b"x.whl").label == "x.whl!a/b.py:2:7"


def test_labels() -> None:
    place = version(1, "2026-01-01")
    assert place.label == "111111111111:a.py@cccccccccccc:1:1"
    message = Place(where="message", path="message", object="c" * 40, commit="c" * 40, line=2, column=3)
    assert message.label == "cccccccccccc:message:2:3"
    assert Place(where="history", object="d" * 40).label == "dddddddddddd"
