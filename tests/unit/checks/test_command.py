"""`tidegate check` and `tidegate explain` as commands: what they write where, and how they end."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.etree import ElementTree as ET

import pytest

from tidegate.checks.formats.table import FORMATS
from tidegate.checks.table import CHECKS, EVERY
from tidegate.cli.main import main
from unit.checks import corpus


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]

GOOD = """import anthropic

client = anthropic.Anthropic(timeout=60)


def ask(question: str) -> str:
    answer = client.messages.create(
        model="claude-haiku-4-5", max_tokens=300, messages=[{"role": "user", "content": question}]
    )
    print(answer.usage.output_tokens)
    return answer.content[0].text
"""
READ: dict[str, Callable[[str], object]] = {"json": json.loads, "sarif": json.loads, "junit": ET.fromstring}
"""What reads the formats that programs read."""
HOT = GOOD.replace('        model="claude', '        temperature=0.2,\n        model="claude')


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    for name in [name for name in os.environ if name.startswith(("TIDEGATE_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "160")

    def command(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        return Ran(code, *capsys.readouterr())

    return command


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "app.py").write_text(HOT)
    (folder / "requirements.txt").write_text("anthropic>=2,<3\n")
    return folder


def test_a_failure(run: Run, shop: Path) -> None:
    ran = run("check", shop, "--only", "TG904")
    assert ran.code == 13
    assert ran.err == f"Checking {shop}\n"
    assert "TG904" in ran.out
    assert "app.py:8" in ran.out
    assert "fix: Leave temperature out." in ran.out
    assert "1 failed." in ran.out
    assert f"Next: tidegate check {shop} --fix" in ran.out


def test_a_pass(run: Run, shop: Path) -> None:
    ran = run("check", shop, "--only", "TG501,TG502")
    assert (ran.code, ran.err) == (0, f"Checking {shop}\n")
    assert "1 verified." in ran.out


def test_it_says_at_once_what_it_does(shop: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tidegate", "check", str(shop)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"Checking {shop}\n"
        process.communicate(timeout=60)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_goes_to_standard_output_alone(run: Run, shop: Path, form: str) -> None:
    ran = run("check", shop, "--format", form, "--profile", "ci")
    assert "TG904" in ran.out
    assert ran.err == f"Checking {shop}\n"
    assert ran.code == 13
    READ.get(form, str)(ran.out)


FIELDS = {"version", "root", "profile", "uses_claude", "summary", "counts", "points", "results", "notices", "next"}
RESULT = {
    *("check", "title", "severity", "confidence", "state", "text", "path", "line", "column", "end_line", "end_column"),
    *("evidence", "fix", "fixable", "supply", "reason", "by", "until", "fingerprint"),
}


def test_the_fields_of_json(run: Run, shop: Path) -> None:
    """Programs read them: one more is a change that is told, one less breaks them."""
    report = json.loads(run("check", shop, "--json").out)
    assert report.keys() == FIELDS
    assert {frozenset(one) for one in report["results"]} == {frozenset(RESULT)}
    assert report["counts"].keys() == {"fail", "warn", "unknown", "suppressed", "attested", "pass", "skipped"}
    assert {frozenset(one) for one in report["points"]} == {frozenset({"number", "title", "standing"})}


def test_json_is_also_an_option(run: Run, shop: Path) -> None:
    assert json.loads(run("check", shop, "--json", "--only", "TG904").out)["counts"]["fail"] == 1


def test_one_file_of_a_folder(run: Run, shop: Path) -> None:
    (shop / "other.py").write_text(GOOD)
    assert run("check", shop / "other.py", "--only", "TG904").code == 0
    assert run("check", shop, "--only", "TG904").code == 13


def test_leaving_out(run: Run, shop: Path) -> None:
    report = json.loads(run("check", shop, "--json", "--skip", "TG9", "--skip", "TG601").out)
    said = {one["check"] for one in report["results"]}
    assert said == {check.id for check in CHECKS if check.point != 9 and check.id != "TG601"}


@pytest.mark.parametrize(
    ("level", "code"), [("high", 13), ("medium", 13), ("low", 13), ("warn", 13), ("unknown", 13), ("never", 0)]
)
def test_what_counts(run: Run, shop: Path, level: str, code: int) -> None:
    assert run("check", shop, "--only", "TG904", "--fail-on", level).code == code


def test_what_cannot_be_told_counts_when_it_is_asked_for(run: Run, shop: Path) -> None:
    assert run("check", shop, "--only", "TG601").code == 0
    assert run("check", shop, "--only", "TG601", "--fail-on", "unknown").code == 10


def test_a_failure_of_medium_severity(run: Run, shop: Path) -> None:
    (shop / "app.py").write_text(GOOD.replace("    print(answer.usage.output_tokens)\n", ""))
    assert run("check", shop, "--only", "TG701").code == 12
    assert run("check", shop, "--only", "TG701", "--fail-on", "high").code == 0


def test_a_warning(run: Run, shop: Path) -> None:
    (shop / "app.py").write_text(GOOD.replace("max_tokens=300", "max_tokens=20_000"))
    ran = run("check", shop, "--only", "TG502")
    assert ran.code == 0
    assert "1 with warnings." in ran.out
    assert run("check", shop, "--only", "TG502", "--fail-on", "warn").code == 10


def test_a_full_disk(shop: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "tidegate", "check", str(shop)]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stderr == f"Checking {shop}\nerror: the disk is full; free some space\n"


def test_ended_by_ctrl_c(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("tidegate.cli.check.read_project", interrupt)
    assert run("check", shop) == (130, "", f"Checking {shop}\n")


def test_what_settles_it_names_the_folder(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"then: tidegate check {shop} --attest TG601 --by" in run("check", shop, "--only", "TG601").out
    monkeypatch.chdir(shop)
    assert "then: tidegate check --attest TG601 --by" in run("check", "--only", "TG601").out


def test_no_use_of_claude(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("print('hello')\n")
    ran = run("check", tmp_path)
    assert ran.code == 3
    assert "No use of Claude was found" in ran.out


def test_mending(run: Run, shop: Path) -> None:
    ran = run("check", shop, "--only", "TG904", "--fix")
    assert ran.code == 0
    assert "-        temperature=0.2,\n" in ran.out
    assert "Mended 1 in 1 file. Looking again." in ran.err
    assert (shop / "app.py").read_text() == GOOD
    assert "Nothing can be mended by itself." in run("check", shop, "--only", "TG904", "--fix").err


def test_mending_keeps_json_clean(run: Run, shop: Path) -> None:
    ran = run("check", shop, "--only", "TG904", "--fix", "--json")
    assert json.loads(ran.out)["counts"]["pass"] == 1
    assert "-        temperature=0.2,\n" in ran.err


def test_a_baseline(run: Run, shop: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(run("check", shop, "--json").out)
    assert run("check", shop, "--baseline", before).code == 0
    (shop / "new.py").write_text(HOT)
    ran = run("check", shop, "--baseline", before, "--only", "TG904")
    assert ran.code == 13
    assert "new.py:8" in ran.out
    assert "app.py:8\n         until the next baseline: known since the baseline before.json" in ran.out


def test_the_list(run: Run) -> None:
    ran = run("check", "--list")
    assert [line.split()[0] for line in ran.out.splitlines()[:-2]] == [check.id for check in EVERY]
    assert run("check", "--list", "--only", "TG3").out.count("\n") == len([one for one in EVERY if one.point == 3])


WRONG = {
    "no folder": (["nowhere"], "there is no nowhere"),
    "a format": (["--format", "yaml"], "'yaml' is none of text"),
    "a profile": (["--profile", "prod"], "'prod' is none of local"),
    "a level": (["--fail-on", "all"], "'all' is none of high"),
    "a check": (["--only", "TG999"], "there is no check TG999; `tidegate check --list` shows them"),
    "nothing left": (["--only", "TG5", "--skip", "TG5"], "nothing is left to check"),
    "no baseline": (["--baseline", "nowhere.json"], "nowhere.json"),
    "no receipt": (["--receipt", "nowhere.json"], "there is no file nowhere.json"),
}


@pytest.mark.parametrize(("arguments", "said"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_one_clear_line(run: Run, arguments: list[str], said: str) -> None:
    ran = run("check", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_wrong_notes_are_one_clear_line(run: Run, shop: Path) -> None:
    (shop / "tidegate-check.toml").write_text('[[suppress]]\ncheck = "TG502"\n')
    ran = run("check", shop)
    assert ran.code == 2
    assert "tidegate-check.toml" in ran.err.splitlines()[-1]


def test_the_key_never_shows(run: Run, shop: Path) -> None:
    (shop / "app.py").write_text(GOOD.replace("timeout=60", f'api_key="{corpus.key(1)}", timeout=60'))
    for form in FORMATS:
        ran = run("check", shop, "--format", form)
        assert ran.code == 13
        assert corpus.key(1)[20:60] not in ran.out + ran.err
        assert "TG101" in ran.out


def test_explaining(run: Run) -> None:
    ran = run("explain", "tg502")
    assert ran.code == 0
    assert ran.out.startswith("TG502  max_tokens is realistic\n")
    assert "# tidegate: allow[TG502] until 2027-03-01: the reason" in ran.out


@pytest.mark.parametrize("check", [check.id for check in EVERY])
def test_every_check_can_be_explained(run: Run, check: str) -> None:
    ran = run("explain", check)
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(run("explain", check, "--json").out)["id"] == check


def test_explaining_a_point(run: Run) -> None:
    wanted = [check.id for check in EVERY if check.point == 5]
    assert [one["id"] for one in json.loads(run("explain", "TG5", "--json").out)] == wanted
    assert run("explain", "5xx").out.count("Instead of") == len(wanted)


def test_explaining_what_is_not_there(run: Run) -> None:
    ran = run("explain", "TG599")
    assert ran.code == 3
    assert "there is no check 'TG599'; did you mean TG5" in ran.err
    assert "`tidegate check --list` shows them all" in run("explain", "zzz").err
