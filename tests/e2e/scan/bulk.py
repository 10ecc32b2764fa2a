"""Ordinary history in bulk: source code, lock files, notebooks with pictures, some thousand commits in seconds."""

import base64
import json
import random
import string
import subprocess
from collections.abc import Iterator

from e2e.scan.planted import ENVIRON, START, Repo

FORMS = (
    "    {0}_{1} = {2}.{3}({0}, {n})",
    "def {0}_{1}({2}: {3}, {0}=None) -> {1}:",
    "        if {0} and not {1}.{2}:",
    "            return self.{0}['{1}']",
    "    # {0} {1} {2} {3} {0} {1} {2}",
    "  const {0} = await {1}.{2}({{ {3}: '{0}' }});",
    "import {{ {0}, {1} }} from './{2}/{3}'",
    "",
)


class Bulk:
    """Files that change from commit to commit."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 10))) for _ in range(1500)]
        self._lines = [self._line() for _ in range(20_000)]
        self._files: dict[str, list[str]] = {}
        self.blobs = 0
        self.bytes = 0

    def commits(self, count: int, files: int, *, each: int) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Messages and changed files: `files` at first, then `each` of them a commit, now and then a new one."""
        yield "Begin", self._changed([self._new() for _ in range(files)])
        for _ in range(count - 1):
            names = list(self._files)
            chosen = [self._new() if self._rng.random() < 0.08 else self._edit(names) for _ in range(each)]
            yield f"{' '.join(self._rng.choices(self._words, k=5))}\n", self._changed(chosen)

    def _changed(self, names: list[str]) -> dict[str, bytes]:
        contents = {name: "\n".join(self._files[name]).encode() for name in dict.fromkeys(names)}
        self.blobs += len(contents)
        self.bytes += sum(map(len, contents.values()))
        return contents

    def _new(self) -> str:
        rng, number = self._rng, len(self._files)
        chance = rng.random()
        name = f"src/{rng.choice(self._words[:40])}/{rng.choice(self._words)}_{number}"
        if chance < 0.01:
            self._files[f"{name}/package-lock.json"] = [self._locked() for _ in range(rng.randint(100, 400))]
        elif chance < 0.02:
            picture = base64.b64encode(rng.randbytes(20_000)).decode()
            self._files[f"{name}.ipynb"] = json.dumps({"outputs": [{"image/png": picture}]}, indent=1).split("\n")
        else:
            self._files[f"{name}.py"] = self._some(min(2000, int(rng.lognormvariate(4.6, 1))) + 10)
        return list(self._files)[-1]

    def _edit(self, names: list[str]) -> str:
        rng = self._rng
        name = rng.choice(names)
        lines = list(self._files[name])
        for _ in range(rng.randint(1, 5)):
            at = rng.randrange(len(lines) + 1)
            lines[at : at + rng.randint(0, 2)] = [self._locked()] if "lock" in name else self._some(rng.randint(1, 4))
        self._files[name] = lines
        return name

    def _some(self, count: int) -> list[str]:
        start = self._rng.randrange(len(self._lines) - count)
        return self._lines[start : start + count]

    def _line(self) -> str:
        return self._rng.choice(FORMS).format(*self._rng.choices(self._words, k=4), n=self._rng.randint(0, 999))

    def _locked(self) -> str:
        digest = base64.b64encode(self._rng.randbytes(64)).decode()
        return f'  "{self._rng.choice(self._words)}": {{"version": "1.2.3", "integrity": "sha512-{digest}"}},'


def fill(repo: Repo, bulk: Bulk, commits: int, files: int, *, each: int = 4) -> None:
    """Add that many commits to the branch main of a new repository, and check it out."""
    importing = subprocess.Popen(
        ["git", "fast-import", "--quiet", "--date-format=raw"], cwd=repo.path, env=ENVIRON, stdin=subprocess.PIPE
    )
    assert importing.stdin is not None
    with importing, importing.stdin as stream:
        for number, (message, changed) in enumerate(bulk.commits(commits, files, each=each)):
            who = b"Ada Author <ada@example.com> %d +0000" % (START - (commits - number) * 60)
            text = message.encode()
            stream.write(b"commit refs/heads/main\ncommitter %b\ndata %d\n%b\n" % (who, len(text), text))
            for name, content in changed.items():
                stream.write(b"M 100644 inline %b\ndata %d\n%b\n" % (name.encode(), len(content), content))
    assert importing.returncode == 0
    repo.git("reset", "-q", "--hard", "main")
