"""Hiding places: content around a secret, in every encoding and packing, and what the hit must say of it."""

import base64
import bz2
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from typing import NamedTuple

NOISE = random.Random(99).randbytes(3000)


class Hidden(NamedTuple):
    """How a secret is hidden; line 0: the line is not looked at."""

    hide: Callable[[str], bytes]
    via: tuple[str, ...] = ()
    inside: tuple[bytes, ...] = ()
    line: int = 1


def env(key: str) -> bytes:
    """The secret in line 3."""
    return f"# settings\nDEBUG=1\nANTHROPIC_API_KEY={key}\n".encode()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def tarred(*members: tuple[str, bytes], mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]  # one of w, w:gz, w:bz2, w:xz
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def wrapped(data: bytes, before: bytes = b"", width: int = 76) -> bytes:
    text = b64(data)
    return b"".join(before + text[at : at + width] + b"\n" for at in range(0, len(text), width))


def notebook(key: str) -> bytes:
    cell = {"cell_type": "code", "outputs": [{"output_type": "stream", "text": [f"{{'key': \"{key}\"}}\n"]}]}
    return json.dumps({"cells": [cell]}, indent=1).encode()


HIDDEN: dict[str, Hidden] = {
    "as it is": Hidden(env, line=3),
    "a notebook's output": Hidden(notebook, line=9),
    "base64": Hidden(lambda key: b"\nkey: " + b64(key.encode()), ("base64",), line=2),
    "base64, one byte before": Hidden(lambda key: b64(b":" + key.encode()), ("base64",)),
    "base64, two bytes before": Hidden(lambda key: b64(b"k:" + key.encode()), ("base64",)),
    "base64 without padding": Hidden(lambda key: b64(b"12" + key.encode()).rstrip(b"="), ("base64",)),
    "base64 glued to a name": Hidden(lambda key: b"secret-" + b64(key.encode()), ("base64",)),
    "base64 in a path": Hidden(lambda key: b"GET /v1/x/" + b64(key.encode()) + b"/y", ("base64",)),
    "base64 for URLs": Hidden(lambda key: base64.urlsafe_b64encode(b"\xfb\xff" + key.encode()), ("base64",)),
    "behind a mark that is none": Hidden(lambda key: b"\xff\xfe\xff " + key.encode()),
    "wrapped base64": Hidden(lambda key: b"\n\n" + wrapped(env(key) * 3), ("base64",), line=3),
    "wrapped base64, short lines": Hidden(lambda key: wrapped(env(key), width=48), ("base64",)),
    "wrapped base64, CRLF": Hidden(lambda key: wrapped(env(key)).replace(b"\n", b"\r\n"), ("base64",)),
    "wrapped base64, indented": Hidden(lambda key: b"a: |\n" + wrapped(env(key), b"    "), ("base64",), line=2),
    "wrapped base64, quoted": Hidden(lambda key: wrapped(env(key), b"> "), ("base64",)),
    "wrapped base64 in JSON": Hidden(
        lambda key: json.dumps({"data": wrapped(env(key)).decode()}).encode(), ("base64",)
    ),
    "wrapped base64 in a list": Hidden(
        lambda key: json.dumps(wrapped(env(key)).decode().splitlines(keepends=True), indent=1).encode(),
        ("base64",),
        line=2,
    ),
    "much base64": Hidden(lambda key: b64(NOISE * 4 + env(key) + NOISE), ("base64",)),
    "much wrapped base64": Hidden(lambda key: wrapped(NOISE * 40 + env(key) + NOISE), ("base64",)),
    "much base64, glued": Hidden(lambda key: b"x/" + b64(NOISE * 4 + env(key) + NOISE), ("base64",)),
    "base64 of base64": Hidden(lambda key: b64(b64(env(key))), ("base64", "base64")),
    "base64 of base64 of gzip": Hidden(lambda key: b64(b64(gzip.compress(env(key)))), ("base64", "base64", "gzip")),
    "base64 of UTF-16": Hidden(lambda key: b64(env(key).decode().encode("utf-16-le")), ("base64", "UTF-16")),
    "base64 of zip": Hidden(lambda key: b64(zipped(("a/.env", env(key)))), ("base64", "zip"), (b"a/.env",)),
    "UTF-16 with a mark": Hidden(lambda key: env(key).decode().encode("utf-16"), ("UTF-16",), line=3),
    "UTF-16 LE": Hidden(lambda key: env(key).decode().encode("utf-16-le"), ("UTF-16",), line=3),
    "UTF-16 BE": Hidden(lambda key: env(key).decode().encode("utf-16-be"), ("UTF-16",), line=3),
    "UTF-16 in binary data": Hidden(lambda key: NOISE + key.encode("utf-16-le") + NOISE, ("UTF-16",), line=0),
    "base64 in UTF-16": Hidden(
        lambda key: f"x\n{b64(env(key)).decode()}".encode("utf-16"), ("UTF-16", "base64"), line=2
    ),
    "gzip": Hidden(lambda key: gzip.compress(env(key)), ("gzip",), line=3),
    "gzip of two members": Hidden(lambda key: gzip.compress(b"first\n") + gzip.compress(env(key)), ("gzip",), line=4),
    "bzip2": Hidden(lambda key: bz2.compress(env(key)), ("bzip2",), line=3),
    "xz": Hidden(lambda key: lzma.compress(env(key)), ("xz",), line=3),
    "zip": Hidden(lambda key: zipped(("x", b"1"), ("a/b.env", env(key))), ("zip",), (b"a/b.env",), 3),
    "stored zip": Hidden(lambda key: zipped(("b", env(key)), method=zipfile.ZIP_STORED), ("zip",), (b"b",), 3),
    "zip in zip": Hidden(lambda key: zipped(("i.jar", zipped(("b", env(key))))), ("zip", "zip"), (b"i.jar", b"b"), 3),
    "tar": Hidden(lambda key: tarred(("a/b", env(key))), ("tar",), (b"a/b",), 3),
    "tar.gz": Hidden(lambda key: tarred(("a/b", env(key)), mode="w:gz"), ("gzip", "tar"), (b"a/b",), 3),
    "tar.xz": Hidden(lambda key: tarred(("a/b", env(key)), mode="w:xz"), ("xz", "tar"), (b"a/b",), 3),
    "gzip in tar": Hidden(lambda key: tarred(("a.gz", gzip.compress(env(key)))), ("tar", "gzip"), (b"a.gz",), 3),
    "tar.gz in zip": Hidden(
        lambda key: zipped(("a.tgz", tarred(("b", env(key)), mode="w:gz"))), ("zip", "gzip", "tar"), (b"a.tgz", b"b"), 3
    ),
}
