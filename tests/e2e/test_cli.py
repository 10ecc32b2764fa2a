"""The command line as a new user meets it, over real processes."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.commands import Folder, alive, ask, call
from e2e.gateways import until


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "app")


def test_from_an_empty_folder_to_a_revoked_key(folder: Folder) -> None:
    assert folder.run("init").returncode == 0
    key = folder.json("keys", "create", "--app", "chat")
    with folder.running("serve", "--fake", "--port", "0") as gateway:
        address = gateway.serves()
        assert f"{address}/dashboard" in gateway.err
        assert "FAKE" in gateway.err
        status, message = call(address, key["key"])
        assert (status, message["type"]) == (200, "message")

        def rows() -> object:
            return folder.json("usage", "users")["rows"]

        until(rows)
        (row,) = folder.json("usage", "users")["rows"]
        assert (row["name"], row["calls"], row["input_tokens"]) == ("alice", 1, message["usage"]["input_tokens"])
        assert "alice" in folder.run("usage").stdout
        assert folder.run("keys", "revoke", key["id"]).returncode == 0
        until(lambda: call(address, key["key"])[0] == 401)
        assert call(address, key["key"])[1]["error"]["type"] == "authentication_error"
        assert gateway.signal(signal.SIGTERM) == 0
    assert "Traceback" not in gateway.err
    lines = [json.loads(line) for line in gateway.out.splitlines() if line]
    assert {"claude_call_success", "claude_call_refused"} <= {line["event"] for line in lines}
    assert key["key"] not in gateway.out + gateway.err


def test_ctrl_c_ends_a_gateway_without_a_traceback(folder: Folder) -> None:
    folder.run("init")
    with folder.running("serve", "--fake", "--port", "0") as gateway:
        gateway.serves()
        (fake,) = gateway.children()
        assert gateway.signal(signal.SIGINT) in {0, 130}
        assert "Traceback" not in gateway.err
        assert not alive(fake)


def test_the_fake_ends_with_a_gateway_that_is_killed(folder: Folder) -> None:
    folder.run("init")
    with folder.running("serve", "--fake", "--port", "0") as gateway:
        gateway.serves()
        (fake,) = gateway.children()
        gateway.signal(signal.SIGKILL)
        until(lambda: not alive(fake))


def test_a_port_in_use_is_one_clear_line(folder: Folder) -> None:
    folder.run("init")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = folder.run("serve", "--fake", "--port", str(port))
    assert ran.returncode == 1
    assert ran.stderr == (
        f"error: port {port} on 127.0.0.1 is in use by another program; end that one, or take another port: "
        f"--port {port + 1}\n"
    )


def test_two_gateways_do_not_share_a_port(folder: Folder) -> None:
    folder.run("init")
    with folder.running("serve", "--fake", "--port", "0") as first:
        port = urlsplit(first.serves()).port
        second = folder.run("serve", "--fake", "--port", str(port))
        assert second.returncode == 1
        assert f"port {port} on 127.0.0.1 is in use" in second.stderr


def test_without_a_key_of_claude_it_says_what_to_do(folder: Folder) -> None:
    folder.run("init")
    ran = folder.run("serve")
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert "ANTHROPIC_API_KEY is empty" in ran.stderr
    assert "tidegate serve --fake" in ran.stderr


def test_every_problem_of_a_configuration_is_a_line(folder: Folder) -> None:
    (folder.path / "tidegate.toml").write_text('[gateway]\nprot = 1\nhost = 3\n[[limits]]\nper = "users"\n')
    ran = folder.run("serve")
    assert ran.returncode == 2
    assert [line.split(": ")[:2] for line in ran.stderr.splitlines()] == [
        ["error", f"tidegate.toml:{number}"] for number in (2, 3, 4, 5)
    ]


def test_the_fake_serves_alone(folder: Folder) -> None:
    (folder.path / "rules.toml").write_text('[defaults]\nsay = "the tide is high"\n')
    with folder.running("fake", "--script", "rules.toml", "--books", "books.jsonl") as fake:
        fake.says("ANTHROPIC_BASE_URL=")
        address = fake.out.split()[-1]
        assert b"the tide is high" in ask(address, "sk-ant-api03-fake")[1]
        assert fake.signal(signal.SIGINT) == 0
    assert '"event":"start"' in (folder.path / "books.jsonl").read_text()
    assert "Traceback" not in fake.err


def test_a_script_that_is_wrong_is_one_line(folder: Folder) -> None:
    (folder.path / "rules.toml").write_text("rulez = 1\n")
    ran = folder.run("fake", "--script", "rules.toml")
    assert ran.returncode == 2
    assert ran.stderr == "error: rules.toml: Object contains unknown field `rulez`\n"


def test_the_demo_shows_limits_budgets_and_the_ledger(folder: Folder) -> None:
    document = folder.json("demo", "--calls", "150")
    assert document["calls"] == sum(document["outcomes"].values()) == 150
    assert {"answered", "streamed", "over a limit", "over a budget", "stream cut"} <= document["outcomes"].keys()
    total = document["usage"]["users"]["total"]
    assert total["cost"] - total["not_exact"] <= document["billed"] <= total["cost"]
    refusals = document["usage"]["users"]["refusals"]
    spent = sum(count for reason, count in refusals.items() if reason.startswith("budget_"))
    assert spent == document["outcomes"]["over a budget"]
    assert list(folder.temporary.iterdir()) == []


def test_the_demo_in_words(folder: Folder) -> None:
    ran = folder.run("demo", "--calls", "20")
    assert ran.returncode == 0
    for words in ("How the calls ended", "The ledger, by user", "The fake Claude's own books", "tidegate init"):
        assert words in ran.stdout
    assert list(folder.temporary.iterdir()) == []


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGINT, {0, 130}), (signal.SIGTERM, {143})])
def test_a_demo_that_is_kept_ends_with_everything(folder: Folder, number: int, codes: set[int]) -> None:
    with folder.running("demo", "--calls", "5", "--keep") as demo:
        demo.says("Ctrl-C ends it")
        assert "/dashboard" in demo.err
        children = demo.children()
        assert len(children) == 2
        assert demo.signal(number) in codes
    assert "Traceback" not in demo.err
    assert list(folder.temporary.iterdir()) == []
    until(lambda: not any(alive(pid) for pid in children))


def test_a_demo_that_is_killed_leaves_no_process(folder: Folder) -> None:
    with folder.running("demo", "--calls", "5", "--keep") as demo:
        demo.says("Ctrl-C ends it")
        children = demo.children()
        demo.signal(signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in children))


def test_a_reader_that_has_seen_enough(folder: Folder) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate", "usage", "--json"],
        cwd=folder.path,
        env=folder.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as err:
        assert err.read() == b""
    assert process.wait() == 1


def test_a_full_disk_is_one_line(folder: Folder) -> None:
    with Path("/dev/full").open("w") as full:
        ran = folder.run("usage", "--json", stdout=full)
    assert (ran.returncode, ran.stderr) == (1, "error: the disk is full; free some space\n")


def test_a_working_directory_that_is_gone(folder: Folder) -> None:
    gone = folder.path / "gone"
    gone.mkdir()
    code = "import os, sys; os.rmdir(os.getcwd()); from tidegate.cli.main import main; sys.exit(main(['usage']))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=gone, env=folder.environ, capture_output=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == b"error: the working directory is gone; change into another one\n"
