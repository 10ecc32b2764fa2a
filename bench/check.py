"""`tidegate check` on a project of 2,000 files: median seconds and CPU, and how soon it says what it does.

    python bench/check.py [--rounds 5] [--files 2000] [--keep FOLDER]

The project is a service with web routes in Python and a front end in TypeScript, in one repository, the same every
time: sources of a length as they have in practice (a median of 100 lines), tests, styles, documents and pictures.
One source in a hundred talks to Claude; others call those.  The aim is less than 2 s on an idle machine.
"""

import argparse
import keyword
import os
import random
import resource
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

CLAUDE = """import logging

import anthropic

log = logging.getLogger(__name__)
client = anthropic.Anthropic(timeout=30)
MODEL = "claude-haiku-4-5"


def ask_{name}(question: str) -> str:
    try:
        answer = client.messages.create(
            model=MODEL, max_tokens=600, messages=[{{"role": "user", "content": question}}]
        )
    except anthropic.APIError:
        log.exception("no answer")
        return "Please try again in a minute."
    log.info("usage", extra={{"tokens": answer.usage.output_tokens}})
    return answer.content[0].text
"""
SCRIPT = """import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{ timeout: 30_000 }});

export async function ask{name}(question: string): Promise<string> {{
  const answer = await client.messages.create({{
    model: "claude-haiku-4-5",
    max_tokens: 600,
    messages: [{{ role: "user", content: question }}],
  }});
  console.log(answer.usage.output_tokens);
  return answer.content[0].type === "text" ? answer.content[0].text : "";
}}
"""
PYTHON = (
    "    {0} = {1}.{2}({3}, size={n})",
    "    if {0} and not {1}.{2}:\n        raise ValueError('{3}')",
    "    {0} = [{1}.{2}(one) for one in {3} if one.{0} > {n}]",
    "    for {0} in {1}:\n        {2}.{3}({0}, {{'{1}': {n}}})",
    "    log.info('{0} %s', {1})",
    "    # {0} {1} {2} {3} {0} {1}",
    "",
    "    return {{'{0}': {n}, '{1}': {3}.{2}({0})}}\n\n\ndef {0}_{1}({2}: str, {3}: int = {n}) -> object:",
)
TYPESCRIPT = (
    "export function {0}{1}({2}: string, {3}: number): number {{ return {2}.length + {n}; }}",
    "const {0} = await {1}.{2}({{ {3}: '{0}', {1}: {n} }});",
    "// {0} {1} {2} {3} {0} {1}",
    "export const {2} = ({0}: string) => {1}[{0}] ?? `{3} ${{{0}}}`;",
    "if ({0}.{1} && {2}.length > {n}) {{ {3}.push({0}); }}",
    "",
)
USUAL = ("utils", "config", "types", "client", "models", "service", "errors", "helpers")
"""Names that many folders have."""
ROUTE = """from fastapi import APIRouter

from service.{package}.{called} import {function}

router = APIRouter()


@router.post("/{name}")
def {name}(question: str) -> str:
    return {function}(question)
"""


class Spent(NamedTuple):
    seconds: float
    cpu: float


class Maker:
    """Writes the files of the project."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rng = random.Random(2000)
        self._words = [self._word() for _ in range(900)]
        self._python: list[tuple[str, str]] = []
        self._asking: list[tuple[str, str]] = []
        self.kinds: Counter[str] = Counter()
        self.bytes = 0

    def write(self, files: int) -> None:
        """About as many files as that; what there is of each kind is a share of them."""
        sources = [self._module] * 42 + [self._script] * 26 + [self._route] * 6 + [self._claude]
        kinds = sources + [self._test] * 10 + [self._document] * 8 + [self._style] * 4 + [self._picture] * 3
        for number in range(files):
            kinds[number * 37 % len(kinds)](number)
        self._put("requirements.txt", "anthropic>=2,<3\nfastapi\n")
        self._put("web/package.json", '{"dependencies": {"@anthropic-ai/sdk": "^1.0.0", "next": "^16.0.0"}}\n')
        self._put(".gitignore", ".env\n.env.*\nnode_modules/\n")

    def _word(self) -> str:
        word = "".join(self._rng.choices(string.ascii_lowercase, k=self._rng.randint(3, 10)))
        return f"{word}_" if keyword.iskeyword(word) else word

    def _name(self, number: int) -> tuple[str, str]:
        """A folder and a module in it; each third has a name that others have, too."""
        usual = self._rng.choice(USUAL) if number % 3 == 0 else f"{self._rng.choice(self._words)}_{number}"
        return self._rng.choice(self._words[:80]), usual

    def _put(self, path: str, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.kinds[file.suffix or file.name] += 1
        self.bytes += len(data)

    def _lines(self, forms: tuple[str, ...]) -> str:
        rng = self._rng
        count = min(1500, int(rng.lognormvariate(4.6, 0.9)) + 5)
        made = (rng.choice(forms).format(*rng.choices(self._words, k=4), n=rng.randint(0, 9999)) for _ in range(count))
        return "\n".join(made) + "\n"

    def _module(self, number: int) -> None:
        package, name = self._name(number)
        known = self._rng.sample(self._python, min(3, len(self._python)))
        head = ["import json", "import logging", "from pathlib import Path", ""]
        head += [f"from service.{folder}.{module} import {module}_main" for folder, module in known]
        head += ["", "log = logging.getLogger(__name__)", "", "", f"def {name}_main(value: str) -> object:"]
        self._put(f"service/{package}/{name}.py", "\n".join((*head, f"{self._lines(PYTHON)}    return value\n")))
        self._python.append((package, name))

    def _claude(self, number: int) -> None:
        package, name = self._name(number)
        if number % 2:
            self._put(f"web/lib/{package}/{name}.ts", SCRIPT.format(name=name.replace("_", "").title()))
        else:
            self._put(f"service/{package}/{name}.py", CLAUDE.format(name=name))
            self._asking.append((package, name))

    def _route(self, number: int) -> None:
        if self._asking and number % 5 == 0:
            package, called = self._rng.choice(self._asking)
            function = f"ask_{called}"
        elif self._python:
            package, called = self._rng.choice(self._python)
            function = f"{called}_main"
        else:
            return
        text = ROUTE.format(package=package, called=called, function=function, name=f"route_{number}")
        self._put(f"service/routes/route_{number}.py", text)

    def _script(self, number: int) -> None:
        name = f"{self._rng.choice(self._words)}-{number}"
        imports = "".join(f'import {{ {one} }} from "@/lib/{one}";\n' for one in self._rng.choices(self._words, k=4))
        self._put(f"web/components/{name}.{'tsx' if number % 3 else 'ts'}", imports + self._lines(TYPESCRIPT))

    def _test(self, number: int) -> None:
        self._put(
            f"tests/test_{number}.py", f"import anthropic\n\n\ndef test_{number}():\n{self._lines(PYTHON)}    return\n"
        )

    def _document(self, number: int) -> None:
        self._put(f"docs/{number}.md", self._lines(PYTHON))

    def _style(self, number: int) -> None:
        self._put(f"web/styles/{number}.css", self._lines(TYPESCRIPT))

    def _picture(self, number: int) -> None:
        self._put(f"web/public/{number}.png", b"\x89PNG\r\n\x1a\n" + self._rng.randbytes(30_000))


def make(place: Path, files: int) -> None:
    """The project, in a repository with one commit."""
    maker = Maker(place)
    maker.write(files)
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "Begin")):
        who = ("-c", "user.name=B", "-c", "user.email=b@example.com")
        subprocess.run(["git", "-C", str(place), *who, *arguments], check=True)
    kinds = ", ".join(f"{count} {kind}" for kind, count in maker.kinds.most_common())
    print(f"{sum(maker.kinds.values()):,} files, {maker.bytes / 1e6:.1f} MB: {kinds}")


def measure(place: Path, rounds: int) -> None:
    """One line for each way to run it; the first round warms the file cache and does not count."""
    command = [sys.executable, "-m", "tidegate", "check", str(place), "--fail-on", "never"]
    ways = {"no history": [*command, "--no-history"], "all": command, "start-up": [*command[:4], "--list"]}
    times: dict[str, list[Spent]] = {name: [] for name in ways}
    said: list[float] = []
    for number in range(rounds + 1):
        for name, way in ways.items():
            spent, first = _run(way)
            if number:
                times[name].append(spent)
                said += [first] if name == "no history" else []
    for name, runs in times.items():
        seconds, cpu = statistics.median(one.seconds for one in runs), statistics.median(one.cpu for one in runs)
        print(f"{name:11}{seconds:6.2f} s, CPU {cpu:5.2f} s")
    print(f"It says what it does after {statistics.median(said):.2f} s.")


def _run(command: list[str]) -> tuple[Spent, float]:
    """What one run takes, and after how many seconds its first line is there."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started, used = time.perf_counter(), _cpu()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ) as process:
        assert process.stderr is not None
        process.stderr.readline()
        first = time.perf_counter() - started
        process.stderr.read()
    assert process.returncode == 0, command
    return Spent(time.perf_counter() - started, _cpu() - used), first


def _cpu() -> float:
    """Seconds that the children of this process have used, their own children included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Make the project, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder) / "project"
        if not place.exists():
            make(place, options.files)
        measure(place, options.rounds)


if __name__ == "__main__":
    main()
