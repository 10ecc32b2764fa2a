"""A small project in a folder of its own, checked by the command, and a fake Claude with an Admin API."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import Folder
from tidegate.testing import FakeClaude
from unit.checks.live.organization import text

PROGRAM = """import anthropic

client = anthropic.Anthropic(timeout=30)


def ask(question: str) -> str:
    answer = client.messages.create(
        model="claude-sonnet-5", max_tokens=300, messages=[{"role": "user", "content": question}]
    )
    print(answer.usage.output_tokens)
    return answer.content[0].text
"""
ADMIN = text(1).replace("api03", "admin01")
KEY = text(2)
SECRET = "3858f62230ac3c915f300c664312c63f"
TOKEN = "d2f1ab21ac3f2f6b14f1ae3d8d5f6f7a99"


class Checked:
    """What one run of the check said."""

    def __init__(self, ran: subprocess.CompletedProcess[str]) -> None:
        self.code = ran.returncode
        self.out, self.err = ran.stdout, ran.stderr
        assert "Traceback" not in self.out + self.err
        self.report: dict[str, Any] = json.loads(ran.stdout) if ran.stdout.startswith("{\n") else {}

    def states(self, check: str) -> list[str]:
        """How a check ended."""
        return [one["state"] for one in self.report["results"] if one["check"] == check]

    def text(self, check: str) -> str:
        """What a check said, with its remedy."""
        said = [one for one in self.report["results"] if one["check"] == check]
        return " ".join(f"{one['text']} {one['fix'] or one['supply'] or ''}" for one in said)

    def standing(self, number: int) -> str:
        """How a point stands."""
        return str(next(one["standing"] for one in self.report["points"] if one["number"] == number))


class Place(Folder):
    """A folder with a program, and the environment that the check sees."""

    def __init__(self, path: Path, fake: FakeClaude, *, program: bool = True) -> None:
        super().__init__(path)
        self.fake = fake
        del self.environ["TIDEGATE_ENV"]
        if program:
            (path / "app.py").write_text(PROGRAM)

    def check(self, *arguments: str, form: str = "json", **environ: str) -> Checked:
        """Run the check; `environ` comes on top, for this run."""
        before = self.environ
        self.environ = {**before, **environ}
        try:
            return Checked(self.run("check", "--no-history", "--format", form, *arguments))
        finally:
            self.environ = before

    def live(self, *arguments: str, **environ: str) -> Checked:
        """Ask the fake's Admin API."""
        given = {"ANTHROPIC_ADMIN_KEY": ADMIN, **environ}
        return self.check("--profile", "live", "--admin-url", self.fake.url, *arguments, **given)

    def boot(self, *arguments: str, form: str = "json", **environ: str) -> Checked:
        """As in a target whose Claude is the fake."""
        given = {"TIDEGATE_ENV": "production", "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.fake.url, **environ}
        return self.check("--profile", "boot", *arguments, form=form, **given)


@pytest.fixture
def place(tmp_path: Path, fake_claude: FakeClaude) -> Place:
    return Place(tmp_path / "project", fake_claude)


@pytest.fixture
def target(tmp_path: Path, fake_claude: FakeClaude) -> Place:
    return Place(tmp_path / "target", fake_claude, program=False)
