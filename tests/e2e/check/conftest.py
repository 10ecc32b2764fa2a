"""A small project in a folder of its own, checked by the command, and a fake Claude with an Admin API."""

import json
import os
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import Folder
from tidegate.cli.main import main
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

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in self.out + self.err
        self.report: dict[str, Any] = json.loads(out) if out.startswith("{\n") else {}

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
        """Run the check in this process, as it would be run from a shell; `environ` comes on top, for this run."""
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.chdir(self.path)
            for name in os.environ.keys() - self.environ.keys():
                patch.delenv(name)
            for name, value in {**self.environ, **environ}.items():
                patch.setenv(name, value)
            code = main(["check", "--no-history", "--format", form, *arguments])
        return Checked(code, out.getvalue(), err.getvalue())

    def check_apart(self, *arguments: str, **environ: str) -> Checked:
        """As `check`, in a process of its own."""
        self.environ.update(environ)
        ran = self.run("check", "--no-history", "--format", "json", *arguments)
        return Checked(ran.returncode, ran.stdout, ran.stderr)

    def live(self, *arguments: str, **environ: str) -> Checked:
        """Ask the fake's Admin API."""
        given = {"ANTHROPIC_ADMIN_KEY": ADMIN, **environ}
        return self.check("--profile", "live", "--admin-url", self.fake.url, *arguments, **given)

    def boot(self, *arguments: str, form: str = "json", **environ: str) -> Checked:
        """As in a target whose Claude is the fake."""
        return self.check("--profile", "boot", *arguments, form=form, **{**self.production(), **environ})

    def production(self) -> dict[str, str]:
        """The variables of a target."""
        return {"TIDEGATE_ENV": "production", "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.fake.url}


@pytest.fixture
def place(tmp_path: Path, fake_claude: FakeClaude) -> Place:
    return Place(tmp_path / "project", fake_claude)


@pytest.fixture
def target(tmp_path: Path, fake_claude: FakeClaude) -> Place:
    return Place(tmp_path / "target", fake_claude, program=False)
