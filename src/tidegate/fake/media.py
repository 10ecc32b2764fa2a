"""How many tokens an image or a PDF takes, from its header alone: nothing is decoded but sizes."""

import binascii
import math
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from tidegate.fake.models import Model

PAGE_TEXT = (1_500, 3_000)
"""Text tokens of a PDF page: least and most."""

_PATCH = 28
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_HEAD = 65_536
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def image_tokens(source: Mapping[str, Any], model: Model, *, worst: bool = False) -> int:
    """One token a patch of 28 x 28 pixels after downscaling; hidden sizes are drawn from the source's hash."""
    if worst:
        return model.image_cap
    size = _image_size(_decoded(source, _HEAD)) if source.get("type") == "base64" else None
    if size is None:
        return 64 + _draw(source) % (model.image_cap - 63)
    edge = 2_576 if model.fine_images else 1_568
    scale = min(1.0, edge / max(*size, 1))
    patches = math.ceil(size[0] * scale / _PATCH) * math.ceil(size[1] * scale / _PATCH)
    return max(1, min(patches, model.image_cap))


def pdf_tokens(source: Mapping[str, Any], model: Model, *, worst: bool = False) -> int:
    """Text and image tokens of every page; a PDF that is not in the request has one to twenty pages."""
    seed = _draw(source)
    pages = pdf_pages(_decoded(source)) if source.get("type") == "base64" else 1 + seed % 20
    low, high = PAGE_TEXT
    if worst:
        return pages * (high + model.image_cap)
    text = low + seed % (high - low + 1)
    picture = model.image_cap // 2 + seed % (model.image_cap // 2)
    return pages * (text + picture)


def pdf_pages(data: bytes) -> int:
    """Pages of a PDF by a cheap count of its page objects; at least one."""
    return max(1, len(_PAGE.findall(data)))


def _draw(source: Mapping[str, Any]) -> int:
    named = str(source.get("data") or source.get("url") or source.get("file_id") or "")
    return zlib.crc32(named[:_HEAD].encode("utf-8", "surrogatepass"))


def _decoded(source: Mapping[str, Any], most: int | None = None) -> bytes:
    data = str(source.get("data", ""))
    try:
        return binascii.a2b_base64(data if most is None else data[: most // 3 * 4])
    except ValueError:
        return b""


def _image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height as the header of a PNG, GIF or JPEG says; None where it does not."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data.startswith((b"GIF87a", b"GIF89a")) and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    return _jpeg_size(data) if data.startswith(b"\xff\xd8") else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walks the segments of a JPEG up to its frame header."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind = data[at + 1]
        if kind in _SOF:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
