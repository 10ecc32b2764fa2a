import base64
import struct
from typing import Any

import pytest

from tidegate.fake.media import image_tokens, pdf_pages, pdf_tokens
from tidegate.fake.models import MODELS

NEW, OLD = MODELS["claude-sonnet-5"], MODELS["claude-sonnet-4-6"]


def source(data: bytes) -> dict[str, Any]:
    return {"type": "base64", "data": base64.b64encode(data).decode()}


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + bytes(10)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(20)


def jpeg(width: int, height: int) -> bytes:
    exif = b"\xff\xe1" + struct.pack(">H", 5_002) + bytes(5_000)
    return b"\xff\xd8" + exif + b"\xff\xc0\0\x11\x08" + struct.pack(">HH", height, width) + bytes(20)


@pytest.mark.parametrize("form", [png, gif, jpeg])
def test_sizes_come_from_the_header(form: Any) -> None:
    assert image_tokens(source(form(281, 560)), NEW) == 11 * 20
    assert image_tokens(source(form(1, 1)), NEW) == 1


def test_large_images_are_scaled_and_capped() -> None:
    assert image_tokens(source(png(2_576, 28)), NEW) == 92
    assert image_tokens(source(png(5_152, 56)), NEW) == 92
    assert image_tokens(source(png(8_000, 8_000)), NEW) == 4_784
    assert image_tokens(source(png(8_000, 8_000)), OLD) == 1_568


@pytest.mark.parametrize("hidden", [{"type": "url", "url": "https://x/y.png"}, source(b"no image"), {"type": "file"}])
def test_hidden_sizes_stay_within_the_cap(hidden: dict[str, Any]) -> None:
    assert 64 <= image_tokens(hidden, NEW) <= 4_784
    assert image_tokens(hidden, NEW) == image_tokens(hidden, NEW)
    assert image_tokens(hidden, OLD, worst=True) == 1_568


def test_pdf_pages() -> None:
    assert pdf_pages(b"") == 1
    assert pdf_pages(b"<</Type /Pages>> <</Type /Page /X 1>> <</Type/Page>> <</Type\n/Page>>") == 3


def test_pdf_tokens() -> None:
    two = source(b"<</Type /Page>><</Type /Page>>")
    assert 2 * (1_500 + 2_392) <= pdf_tokens(two, NEW) <= 2 * (3_000 + 4_784)
    assert pdf_tokens(two, NEW, worst=True) == 2 * (3_000 + 4_784)
    assert pdf_tokens({"type": "url", "url": "https://x/y.pdf"}, NEW) <= 20 * (3_000 + 4_784)
