"""The report as JUnit XML: a suite for each point, a case for each check."""

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from tidegate.checks.formats.page import Page, remedy, sentence, visible
from tidegate.checks.report import Point, points
from tidegate.checks.verdict import State, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(page: Page) -> str:
    """The document."""
    root = ET.Element("testsuites", name="tidegate check")
    for point in points(page.report):
        _suite(root, page, point)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, page: Page, point: Point) -> None:
    by_check: dict[str, list[Verdict]] = {}
    for verdict in point.verdicts:
        by_check.setdefault(verdict.check, []).append(verdict)
    failures = sum(any(one.state is State.FAIL for one in some) for some in by_check.values())
    skipped = sum(_is_skipped(some) for some in by_check.values())
    suite = ET.SubElement(
        root, "testsuite", name=f"{point.number}. {point.title}", tests=str(len(by_check)),
        failures=str(failures), skipped=str(skipped), errors="0",
    )  # fmt: skip
    for check, verdicts in by_check.items():
        case = ET.SubElement(suite, "testcase", classname=check, name=page.checks[check].title)
        failed = [one for one in verdicts if one.state is State.FAIL]
        if failed:
            failure = ET.SubElement(case, "failure", message=_plain(failed[0].text))
            failure.text = _said(failed)
        elif _is_skipped(verdicts):
            ET.SubElement(case, "skipped", message=_plain(f"{verdicts[0].state.value}: {verdicts[0].text}"))
        rest = [one for one in verdicts if one.state is not State.FAIL]
        if rest:
            ET.SubElement(case, "system-out").text = _said(rest)


def _is_skipped(verdicts: Iterable[Verdict]) -> bool:
    """Nothing failed, and something is unknown, or nothing applied."""
    states = {one.state for one in verdicts}
    return State.FAIL not in states and (State.UNKNOWN in states or states == {State.SKIPPED})


def _said(verdicts: Iterable[Verdict]) -> str:
    return "\n".join(_plain(_line(one)) for one in verdicts)


def _line(verdict: Verdict) -> str:
    """`warn app.py:12: The time-out is 10 minutes. Set one that people would wait for.`"""
    head = f"{verdict.state.value} {verdict.place}" if verdict.place else verdict.state.value
    return f"{head}: {sentence(verdict)} {remedy(verdict)}".rstrip()


def _plain(text: str) -> str:
    return _NOT_XML.sub("?", visible(text))
