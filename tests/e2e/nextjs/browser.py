"""Chromium without a window, driven through a pipe in its own protocol: no library, no port.

A page is asked in JavaScript, and again and again until it is as wanted; clicks and keys are those of a person.
https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.gateways import until

JSON = dict[str, Any]

ARGUMENTS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check"),
    "--no-sandbox",  # containers and root have none; it sees pages of this machine only
    "--window-size=960,720",
)

LAUNCH = """
import fcntl, os, sys
there, here = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(there, 3)
os.dup2(here, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
"""Becomes the browser, which reads commands from descriptor 3 and writes to 4."""


class Browser:
    """One tab."""

    def __init__(self, profile: Path) -> None:
        chromium = shutil.which("chromium")
        if chromium is None:
            pytest.skip("chromium is missing: install it (Debian: sudo apt install chromium) to try the page itself")
        there, self._out = os.pipe()
        self._in, here = os.pipe()
        command = [chromium, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
        self.complaints: list[str] = []
        """Errors in the page's console, and exceptions that nobody caught."""
        self._heard = b""
        self._last = 0
        self._session = ""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(there), str(here), *command],
            pass_fds=(there, here),
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        )
        os.close(there)
        os.close(here)

    def open_tab(self) -> None:
        """Take the tab that is open from the start."""
        (tab,) = [one for one in self.send("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        self._session = self.send("Target.attachToTarget", targetId=tab["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def send(self, method: str, **params: Any) -> JSON:
        """A command, and what came of it."""
        self._last += 1
        order: JSON = {"id": self._last, "method": method, "params": params}
        if self._session:
            order["sessionId"] = self._session
        os.write(self._out, json.dumps(order).encode() + b"\0")
        while (found := self._next()).get("id") != self._last:
            self._note(found)
        assert "error" not in found, f"{method}: {found['error']}"
        return dict(found["result"])

    def _next(self) -> JSON:
        while b"\0" not in self._heard:
            piece = os.read(self._in, 65_536)
            assert piece, "the browser has ended"
            self._heard += piece
        message, _, self._heard = self._heard.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: JSON) -> None:
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]["exception"].get("description", ""))[:200])
        elif event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    # -- what a person does and sees

    def go(self, address: str) -> None:
        """Open a page."""
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def ask(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Until that expression is true."""
        try:
            until(lambda: self.ask(script))
        except AssertionError as error:
            error.add_note(f"{script}\n{self.complaints}\n{self.text()}")
            raise

    def click(self, selector: str) -> None:
        """Press the mouse button in the middle of an element, once it is there and can be pressed."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"{found} !== null && !{found}.disabled")
        box = self.ask(f"{found}.getBoundingClientRect().toJSON()")
        left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=left, y=top, button="left", clickCount=1)

    def type(self, selector: str, text: str, *, enter: bool = False) -> None:
        """Click into a field and write."""
        self.click(selector)
        self.send("Input.insertText", text=text)
        if enter:
            key = {"key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13}
            for kind in ("keyDown", "keyUp"):
                self.send("Input.dispatchKeyEvent", type=kind, **key)

    def text(self, selector: str = "body") -> str:
        """What stands in there."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def screenshot(self, file: Path) -> None:
        """As PNG."""
        file.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser that ends with the block."""
    browser = Browser(profile)
    try:
        browser.open_tab()
        yield browser
    finally:
        browser.close()
