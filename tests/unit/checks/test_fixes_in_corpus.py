"""What `--fix` makes of three applications, line by line."""

from pathlib import Path

from tidegate.checks.fixing import fix
from unit.checks import corpus


def mended(name: str, folder: Path) -> dict[str, list[str]]:
    """The lines that were taken out and put in, by file."""
    root = corpus.prepare(name, folder)
    project, report = corpus.look(root)
    done, _ = fix(project.root, report.verdicts)
    return {
        one.path: [line for line in one.diff.splitlines() if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
        for one in done
    }


def test_python(tmp_path: Path) -> None:
    assert mended("py-script-bad", tmp_path) == {
        ".gitignore": ["+.env", "+.env.local", "+.env.production"],
        "report.py": [
            '-KEY = os.getenv("ANTHROPIC_API_KEY", "sk-ant-api03-…' + corpus.key(1)[-4:] + '")',
            '+KEY = os.environ["ANTHROPIC_API_KEY"]',
            '-client = Anthropic(api_key="sk-ant-api03-…' + corpus.key(2)[-4:] + '")',
            "+client = Anthropic()",
            "-        temperature=0.2,",
        ],
    }


def test_typescript(tmp_path: Path) -> None:
    found = mended("express-bad", tmp_path)
    assert found["src/claude.ts"] == ["-    top_p: 0.9,"]
    assert found[".env.production"] == ["-ANTHROPIC_LOG=debug"]


def test_docker(tmp_path: Path) -> None:
    assert mended("fastapi-bad", tmp_path)[".dockerignore"] == ["+**/.env*"]
