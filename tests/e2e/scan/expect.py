"""What a scan of a planted repository must have found: everything, where it is, and nothing else."""

from typing import Any

from e2e.scan.planted import Planted
from tidegate.checks.scan.match import fingerprint


def assert_found(document: dict[str, Any], planted: list[Planted]) -> None:
    found = {one["fingerprint"]: one for one in document["findings"]}
    wanted = {fingerprint(one.secret.encode()): one for one in planted}
    assert [wanted[name] for name in wanted.keys() - found.keys()] == []
    assert [found[name] for name in found.keys() - wanted.keys()] == []
    for name, one in wanted.items():
        told = [(place["where"], f"{place['label']} {place['note']}") for place in found[name]["places"]]
        assert found[name]["kind"] == one.kind
        assert any(where == one.where and one.told in text for where, text in told), (one, told)
