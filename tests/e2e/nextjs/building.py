"""The example application, installed and built once: whoever comes later finds it as it is in the sources."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "nextjs"
NEXT = EXAMPLE / ".next"
NODE = (20, 9)
"""The oldest Node that Next.js 16 takes."""

BUILD_SECRETS = {
    "ANTHROPIC_BASE_URL": "http://gateway-of-the-build.example:8787",
    "ANTHROPIC_API_KEY": "tg_keyofthebuild",
    "SESSION_SECRET": "session-secret-of-the-build-0123456789",
}
"""Set while building, so that a build that takes one of them along is found out."""

_MADE = ("node_modules", ".next")
_STAMP = NEXT / "built-from"


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what an application of tidegate or a platform would read."""
    ours = ("TIDEGATE_", "ANTHROPIC_", "AI_", "NEXT_", "CHAT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    for name in ("PORT", "HOSTNAME", "NODE_ENV", "NODE_OPTIONS", "SESSION_SECRET", "FORCE_COLOR"):
        kept.pop(name, None)
    return {**kept, "NEXT_TELEMETRY_DISABLED": "1", "NO_COLOR": "1", **more}


def find_npm() -> str:
    """npm's path; skips where there is no npm, or no Node that is new enough."""
    npm, node = shutil.which("npm"), shutil.which("node")
    wanted = ".".join(map(str, NODE))
    if npm is None or node is None:
        pytest.skip(f"npm is missing: install Node {wanted} or newer with npm to try the Next.js example")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, re.findall(r"\d+", said)[:2])) < NODE:
        pytest.skip(f"Node {said.strip()} is too old: install {wanted} or newer to try the Next.js example")
    return npm


def built() -> Path:
    """The folder of the example, installed from its lock file and built from its sources as they are now."""
    npm = find_npm()
    with (EXAMPLE / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one builds, the others wait
        wanted = _digest(EXAMPLE / "package-lock.json")
        installed = EXAMPLE / "node_modules" / ".installed-from"
        if not installed.exists() or installed.read_text() != wanted:
            _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            installed.write_text(wanted)
        wanted = _digest(*sources())
        if not _STAMP.exists() or _STAMP.read_text() != wanted:
            _run(npm, "run", "build")
            assert _digest(*sources()) == wanted, "the build changes its own sources"
            _STAMP.write_text(wanted)
    return EXAMPLE


def sources() -> list[Path]:
    """Every file that belongs to the example."""
    tops = [path for path in EXAMPLE.iterdir() if path.name not in _MADE]
    found = (path for top in tops for path in (top.rglob("*") if top.is_dir() else [top]))
    return sorted(path for path in found if path.is_file() and not _is_made(path))


def _is_made(path: Path) -> bool:
    """Written by a build, or somebody's own settings."""
    return path.name == "next-env.d.ts" or path.suffix == ".tsbuildinfo" or path.name.startswith(".env.local")


def _digest(*paths: Path) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(EXAMPLE)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        cwd=EXAMPLE,
        env=clean_environment(**BUILD_SECRETS),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command[1:])} failed in {EXAMPLE}:\n{done.stdout}\n{done.stderr}"
