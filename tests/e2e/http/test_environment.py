"""A bad environment for `tidegate serve`: one clear line, the documented exit code, no traceback, no half state."""

import contextlib
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from e2e.conftest import NewSite
from e2e.gateways import PATIENCE, READY, Gateway, Site, until
from e2e.http.test_refusals import is_as_designed
from e2e.http.wire import BODY, ask, body, request, wire
from tidegate.testing import FakeClaude

FAILED, USAGE = 1, 2
"""As `tidegate --help` documents them."""


class Ended(Struct, frozen=True):
    """A program that did not serve."""

    code: int
    complaint: str


def run(
    site: Site,
    *options: str,
    prefix: Sequence[str] = (),
    most: int | None = None,
    environ: Mapping[str, str | None] = {},
) -> Ended:
    """`tidegate serve`, which is expected to end by itself.  `most` bytes is what it can write into a file."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    known = {**site.environ, **environ}
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "tidegate", "serve", *(options or ("--port", "0"))],
        env={name: value for name, value in known.items() if value is not None},
        cwd=site.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=limit,
    )
    assert done.stdout == ""
    assert READY not in done.stderr
    return Ended(done.returncode, done.stderr)


def says(ended: Ended, code: int, *words: str) -> None:
    """One line, with these words, and that exit code."""
    lines = [line for line in ended.complaint.splitlines() if not line.startswith("note:")]
    assert len(lines) == 1, ended.complaint
    assert lines[0].startswith("error: ")
    assert ended.code == code
    for word in words:
        assert word in lines[0]


def is_fine(site: Site) -> None:
    """Once the trouble is over a gateway starts on the same folder and serves."""
    gateway = site.start()
    assert ask(gateway.port, request(site.key)).status == 200


# -- it does not start


def test_a_port_in_use(new_site: NewSite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        says(run(new_site(""), "--port", str(port)), FAILED, f"port {port}", "in use")


def test_a_port_in_use_by_another_gateway(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site("")
    gateway = site.start()
    says(run(site, "--port", str(gateway.port)), FAILED, f"port {gateway.port}", "in use")
    assert ask(gateway.port, request(site.key)).status == 200
    assert len(fake_claude.attempts()) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[gateway]\nhost = '127.0.0.1'\nprot = 1\n", ("tidegate.toml:3:", '"prot"', 'did you mean "port"')),
        ("\n[gatway]\nport = 1\n", ("tidegate.toml:2:", "[gatway]", "did you mean [gateway]")),
        ("[gateway\n", ("tidegate.toml:1:", "TOML")),
    ],
)
def test_a_wrong_configuration(new_site: NewSite, text: str, words: tuple[str, ...]) -> None:
    site = new_site("")
    (site.folder / "tidegate.toml").write_text(text)
    says(run(site), USAGE, *words)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ANTHROPIC_API_KEY", None, ("ANTHROPIC_API_KEY is not set", "--fake")),
        ("ANTHROPIC_API_KEY", " \t", ("ANTHROPIC_API_KEY is empty",)),
        ("TIDEGATE_KEY_SECRET", None, ("TIDEGATE_KEY_SECRET is not set", "tidegate init")),
        ("TIDEGATE_KEY_SECRET", "abc", ("at least 32 characters, not 3",)),
        ("TIDEGATE_GATEWAY_PROT", "1", ("TIDEGATE_GATEWAY_PROT", "TIDEGATE_GATEWAY_PORT")),
    ],
)
def test_a_wrong_environment(new_site: NewSite, name: str, value: str | None, words: tuple[str, ...]) -> None:
    ended = run(new_site(""), environ={name: value})
    says(ended, USAGE, *words)
    assert "abc" not in ended.complaint


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--config", "nowhere.toml"), USAGE, ("nowhere.toml", "tidegate init")),
        (("--host", "nowhere.invalid"), FAILED, ("nowhere.invalid",)),
        (("--host", "192.0.2.1"), FAILED, ("192.0.2.1",)),
    ],
)
def test_a_wrong_command_line(new_site: NewSite, options: tuple[str, ...], code: int, words: tuple[str, ...]) -> None:
    says(run(new_site(""), *options), code, *words)


# -- the database


def test_a_file_that_is_no_database(new_site: NewSite) -> None:
    site = new_site("")
    text = b"The ledger of 1851, kept by hand.\n" * 100
    (site.folder / "notes.db").write_bytes(text)
    url = "sqlite:///notes.db"
    says(
        run(site, environ={"TIDEGATE_STORE_URL": url, "TIDEGATE_LEDGER_URL": url}),
        USAGE,
        "notes.db",
        "not a SQLite database",
    )
    assert (site.folder / "notes.db").read_bytes() == text


def test_a_damaged_database(new_site: NewSite) -> None:
    site = new_site("")
    raw = bytearray(site.database.read_bytes())
    raw[4096:] = b"\xff" * (len(raw) - 4096)
    site.database.write_bytes(raw)
    for name in ("tidegate.db-wal", "tidegate.db-shm"):
        (site.folder / name).unlink(missing_ok=True)
    says(run(site), USAGE, "tidegate.db", "damaged")
    assert site.database.read_bytes()[4096:] == raw[4096:], "it is evidence: nothing may be written into it"


def test_a_folder_instead_of_a_file(new_site: NewSite) -> None:
    site = new_site("")
    (site.folder / "store").mkdir()
    says(run(site, environ={"TIDEGATE_STORE_URL": "sqlite:///store"}), USAGE, "store", "cannot be opened")


def test_a_folder_that_does_not_exist(new_site: NewSite) -> None:
    site = new_site("")
    says(run(site, environ={"TIDEGATE_LEDGER_URL": "sqlite:///no/such/ledger.db"}), USAGE, "ledger.db", "folder exist")
    assert not (site.folder / "no").exists()


@pytest.mark.slow
def test_a_locked_database(new_site: NewSite) -> None:
    """Five seconds of patience, then one line."""
    site = new_site("")
    with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        says(run(site), USAGE, "tidegate.db", "is locked by another program")
    is_fine(site)


def test_a_read_only_folder(new_site: NewSite) -> None:
    site = new_site("")
    # SQLite can open a file without the right to write it, but none on a read-only mount.
    words = "give this user the right to write it and its folder" if os.geteuid() else "may this user write there?"
    with read_only(site.folder) as prefix:
        says(run(site, prefix=prefix), USAGE, "tidegate.db", words)
    is_fine(site)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[list[str]]:
    """A command prefix under which the folder cannot be written; root needs a mount for that."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        try:
            yield []
        finally:
            folder.chmod(0o700)
        return
    script = f'mount --bind "{folder}" "{folder}" && mount -o remount,bind,ro "{folder}" && cd "{folder}" && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("as root a folder is only read-only by a mount, and this machine allows none")
    yield prefix


@pytest.mark.parametrize("most", [0, 8192])
def test_a_full_disk_at_the_start(new_site: NewSite, most: int) -> None:
    """A limit on the size of files stands for the disk; what was begun does not get in the way later."""
    site = new_site("")
    for name in ("tidegate.db", "tidegate.db-wal", "tidegate.db-shm"):
        (site.folder / name).unlink(missing_ok=True)
    says(run(site, most=most), USAGE, "tidegate.db", "full")
    site.key = site.new_key()
    is_fine(site)


# -- it runs, and then


def full(gateway: Gateway, *, yes: bool) -> None:
    """From now on the process can write no file, or can again."""
    _, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (1 if yes else hard, hard))


def test_a_disk_that_fills_up(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Nothing is sent that could not be written down first; what was under way is charged when there is room again."""
    site = new_site("")
    gateway = site.start()
    assert ask(gateway.port, request(site.key)).status == 200
    stream = request(site.key, body(stream=True), "x-fake-fault: gap=0.05; output_tokens=40; tokens_per_event=8")
    with wire(gateway.port, stream) as running:
        fake_claude.wait(open=1)
        full(gateway, yes=True)
        is_as_designed(ask(gateway.port, request(site.key)), "store_down")
        assert running.reply().body.endswith(b'data: {"type":"message_stop"}\n\n'), "the caller gets the whole answer"
    assert gateway.state()["owed_settlements"] == 1
    assert len(fake_claude.attempts()) == 2
    full(gateway, yes=False)
    until(lambda: not gateway.state()["owed_settlements"])
    assert ask(gateway.port, request(site.key)).status == 200
    assert [charge["cost"] for charge in site.charges()] == [row.cost for row in fake_claude.attempts()]
    assert not site.holds()


@pytest.mark.slow
def test_a_database_that_another_program_locks(new_site: NewSite, fake_claude: FakeClaude) -> None:
    site = new_site("")
    gateway = site.start()
    with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        is_as_designed(ask(gateway.port, request(site.key)), "store_down")
    assert not fake_claude.attempts()
    assert ask(gateway.port, request(site.key)).status == 200
    until(lambda: gateway.state()["store"] == "up")


def test_a_database_that_gets_damaged_while_it_serves(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Keys cannot be looked up any more: an honest 503, and no traceback."""
    site = new_site("")
    gateway = site.start()
    with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with site.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (site.database.stat().st_size - 4096))
    is_as_designed(ask(gateway.port, request(site.key)), "store_down")
    assert not fake_claude.attempts()
    assert not gateway.errors
    site.gateways.remove(gateway)
    gateway.kill()


@pytest.mark.parametrize("nowhere", ["a full disk", "a closed pipe"])
def test_a_log_that_cannot_be_written(new_site: NewSite, fake_claude: FakeClaude, nowhere: str) -> None:
    """The log is lost, the calls are not: who asks gets the answer that was paid for."""
    site = new_site("")
    if nowhere == "a full disk":
        log = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, log = os.pipe()
        os.close(reader)
    with subprocess.Popen(
        [sys.executable, "-m", "tidegate", "serve", "--port", "0", "--log-format", "json"],
        env=site.environ,
        cwd=site.folder,
        stdout=log,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(log)
        assert process.stderr is not None
        port = int(next(line for line in process.stderr if line.startswith(READY)).rpartition(":")[2])
        for raw in (BODY, body(stream=True)):
            assert ask(port, request(site.key, raw)).status == 200
        assert ask(port, request("tg_nonsense")).status == 401
        process.terminate()
        complaints = process.stderr.read()
    assert "Traceback" not in complaints
    assert [charge["outcome"] for charge in site.charges()] == ["ok", "ok"]
    assert [charge["cost"] for charge in site.charges()] == [row.cost for row in fake_claude.attempts()]


def test_no_more_open_files(new_site: NewSite, fake_claude: FakeClaude) -> None:
    """Whoever cannot be taken is turned away; who is in is served, and afterwards everybody is."""
    site = new_site("")
    gateway = site.start()
    with wire(gateway.port, request(site.key)) as inside:
        assert inside.reply().status == 200
        soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
        used = len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (used, hard))
        for _ in range(20):
            with wire(gateway.port, request(site.key)) as outside, contextlib.suppress(ConnectionError):
                assert outside.closed() == b""
        assert inside.send(request(site.key)).reply().status == 200
    resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert ask(gateway.port, request(site.key)).status == 200
    assert len(fake_claude.attempts()) == 3
