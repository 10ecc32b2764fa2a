"""The limit of open files: raised as far as it goes, never an error."""

import json
import subprocess
import sys

import pytest

LIMITED = """
import json, resource, sys
from tidegate.system import files

soft, hard = json.loads(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
before = files.open_files()
{between}
after = files.raise_open_files()
print(json.dumps([before, after, *resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""

REFUSED = """
def refused(*_):
    raise ValueError("not allowed to raise maximum limit")
resource.setrlimit = refused
"""


def after(soft: int, hard: int, between: str = "") -> list[int | None]:
    """In a process with these limits: what holds before, what is told then, soft and hard afterwards."""
    code = LIMITED.format(between=between)
    ran = subprocess.run(
        [sys.executable, "-c", code, json.dumps([soft, hard])], capture_output=True, text=True, check=True
    )
    return list(json.loads(ran.stdout))


@pytest.mark.parametrize(("soft", "hard"), [(100, 300), (300, 300)])
def test_the_soft_limit_becomes_the_hard_one(soft: int, hard: int) -> None:
    assert after(soft, hard) == [soft, hard, hard, hard]


def test_what_cannot_be_raised_stays() -> None:
    assert after(100, 300, REFUSED) == [100, 100, 100, 300]


def test_a_system_that_takes_less_than_it_says() -> None:
    """macOS says that there is no limit, and takes 10,240."""
    careful = """
resource.getrlimit = lambda _: tuple(told)
told = [100, resource.RLIM_INFINITY]
def set_(_, wanted):
    if wanted[0] > 10_240:
        raise ValueError("current limit exceeds maximum limit")
    told[:] = wanted
resource.setrlimit = set_
"""
    assert after(100, 300, careful)[:3] == [100, 10_240, 10_240]


NO_LIMIT = ["files.resource = None", "resource.getrlimit = lambda _: (resource.RLIM_INFINITY,) * 2"]


@pytest.mark.parametrize("between", NO_LIMIT)
def test_a_system_without_a_limit(between: str) -> None:
    assert after(100, 300, between)[:2] == [100, None]
