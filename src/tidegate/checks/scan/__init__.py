"""Credentials of Claude, and app keys of tidegate, in files, in the index and in the whole history of a repository.

    result = scan(Path("."), history=True)
    result.state        # "clean", "found" or "unknown"

`run.py` is the way through; `sieve.py` finds the few places worth a closer look, `dig.py` takes it.
"""

from tidegate.checks.scan.results import Counts, Finding, Place, Progress, Risk, ScanResult, Unknown
from tidegate.checks.scan.run import scan
from tidegate.checks.scan.trouble import ScanError

__all__ = ["Counts", "Finding", "Place", "Progress", "Risk", "ScanError", "ScanResult", "Unknown", "scan"]
