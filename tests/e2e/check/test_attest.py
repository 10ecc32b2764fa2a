"""`tidegate check --attest`: written by one run, read by the next."""

from datetime import UTC, datetime, timedelta

import pytest

from e2e.check.conftest import Place

TODAY = datetime.now(UTC).date()


def test_written_and_read(place: Place) -> None:
    ran = place.run("check", "--attest", "tg601", "--by", "Ada", "--note", "500 USD a month, seen in the Console")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == (place.path / "tidegate-check.toml").read_text()
    assert "commit it" in ran.stderr
    found = place.check("--only", "TG601")
    (result,) = found.report["results"]
    assert (result["state"], result["by"], result["until"]) == ("attested", "Ada", str(TODAY + timedelta(days=90)))
    assert found.standing(6) == "attested"


def test_the_console_beats_whoever_attests(place: Place) -> None:
    place.check("--attest", "TG601", "--by", "Ada")
    place.fake.script({"admin": {"spend_limits": []}})
    found = place.live("--only", "TG601")
    assert (found.states("TG601"), found.code) == (["fail"], 13)
    place.fake.script({"admin": {"limits_readable": False}})
    assert place.live("--only", "TG601").states("TG601") == ["attested"]


def test_expired(place: Place) -> None:
    (place.path / "tidegate-check.toml").write_text(
        '[[attest]]\ncheck = "TG601"\nby = "Ada"\nhow = "seen"\nuntil = 2026-01-31\n'
    )
    found = place.check("--only", "TG601")
    assert found.states("TG601") == ["unknown"]
    assert "Ada attested it until 2026-01-31" in found.text("TG601")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("TG999", "--by", "Ada"), "there is no check 'TG999'"),
        (("TG6", "--by", "Ada"), "there is no check 'TG6'"),
        (("TG601",), "--by: say who vouches for it"),
        (("TG601", "--by", "Ada", "--until", "soon"), "'soon' is no day"),
        (("TG601", "--by", "Ada", "--until", "2020-01-01"), "2020-01-01 is over"),
        (("TG601", "--by", "Ada", "--until", "2099-01-01"), "2099-01-01 is too far"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], said: str, place: Place) -> None:
    ran = place.check("--attest", *arguments)
    assert ran.code == 2
    assert said in " ".join(ran.err.replace("│", " ").split())
    assert not (place.path / "tidegate-check.toml").exists()


def test_a_folder_that_is_closed(place: Place) -> None:
    assert place.check("/proc/self", "--attest", "TG601", "--by", "Ada").code == 1


def test_nothing_is_asked_meanwhile(place: Place) -> None:
    place.live("--attest", "TG601", "--by", "Ada")
    assert place.fake.books() == []
