"""The end of a process, forks, and several processes on one file."""

import signal
from collections import Counter

import pytest

from e2e.gateways import PATIENCE
from e2e.guard.place import Place, notices_only, until

SHORT = '[timeouts]\ntotal = "1s"\n[retry]\nattempts = 1\n'
"""So that a lease ends after two seconds."""


@pytest.mark.parametrize("how", ["leave_open", "leave_open_by_exit"])
def test_a_process_that_ends_with_open_streams(place: Place, how: str) -> None:
    place.run(how)
    assert [charge[1:] for charge in place.charges()] == [("aborted", "assumed")] * 2
    assert place.site.holds() == {}


def test_a_process_that_ends_by_an_exception(place: Place) -> None:
    process = place.program("leave_open_by_error")
    _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert notices_only(complaints)
    assert [charge[1] for charge in place.charges()] == ["aborted"] * 2
    assert place.site.holds() == {}


def test_a_process_whose_loop_has_ended(place: Place) -> None:
    place.run("leave_open_async")
    assert [charge[1:] for charge in place.charges()] == [("aborted", "assumed")]
    assert place.site.holds() == {}


def test_a_call_in_a_daemon_thread_is_swept_later(place: Place) -> None:
    place.configure(SHORT)
    process = place.program("leave_a_daemon_waiting")
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    place.fake.wait(open_at_least=1)
    _, complaints = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0
    assert notices_only(complaints)
    assert len(place.site.holds()) == 1
    place.run("call", "u-later")  # a process that lives for less than the lease: nothing is swept too early
    place.guarded().models.list()
    until(lambda: not place.site.holds())
    assert ("anonymous", "crashed", "assumed") in place.charges()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_is_charged_by_another(place: Place, number: signal.Signals) -> None:
    place.configure(SHORT)
    keeper = place.program("keep")
    assert keeper.stdout is not None
    assert keeper.stdout.readline() == "ready\n"
    killed = place.program("wait_to_be_killed")
    assert killed.stdout is not None
    assert killed.stdout.readline() == "open\n"
    killed.send_signal(number)
    killed.communicate()
    assert len(place.site.holds()) == 1
    until(place.charges)
    assert place.charges() == [("anonymous", "crashed", "assumed")]
    assert place.site.charges()[0]["cost"] >= place.fake.totals().cost_settled
    assert place.site.holds() == {}
    keeper.communicate("\n", timeout=PATIENCE)
    assert keeper.returncode == 0


@pytest.mark.parametrize("master", ["idle", "used"])
def test_workers_that_are_forked(place: Place, master: str) -> None:
    """As under gunicorn or Celery: every worker's calls are charged, and the master's stream stays the master's."""
    place.run("prefork", master)
    found = Counter((user, outcome) for user, outcome, _ in place.charges())
    expected = Counter({("master", "ok"): 1})
    if master == "used":
        expected += Counter({("master", "ok"): 1, ("master", "aborted"): 1})
    for number in range(3):
        expected += Counter({(f"worker-{number}", "ok"): 8, (f"worker-{number}", "aborted"): 1})
    assert found == expected
    assert place.site.holds() == {}
    assert sum(charge["total_cost"] for charge in place.site.charges()) >= place.fake.totals().cost_settled


@pytest.mark.parametrize("how", ["inherit", "inherit_async"])
def test_a_child_leaves_its_parents_connections_alone(place: Place, how: str) -> None:
    place.run(how)
    first, *childs, last = [row.connection for row in place.fake.attempts()]
    assert len(set(childs)) == 1
    assert childs[0] != first
    assert last == first
    assert [charge[1] for charge in place.charges()] == ["ok"] * 4


def test_ctrl_c_in_the_middle_of_a_call(place: Place) -> None:
    process = place.program("wait_to_be_interrupted")
    place.fake.wait(open_at_least=1)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGINT
    assert complaints.rstrip().endswith("KeyboardInterrupt")
    assert place.charges() == [("anonymous", "aborted", "assumed")]
    assert place.site.holds() == {}
