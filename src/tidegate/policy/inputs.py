"""What the content of a request holds besides text: images, PDFs, hidden sizes, cache marks, tools defined on the way.

The rules, all to the same end, that no spelling of a request makes its bound smaller:

1. Bytes count as text unless they are proved to be the data of an image or a PDF: a base64 source in an image or
   document block in a place where the API reads such blocks.  The same bytes in a tool's input stay text.
2. What is not understood (another type of block or source, a content that is a number) counts as an input of unknown
   size, which holds the whole context window.  It is not refused: the API answers for its own rules.
3. An object that is looked into may not name a member twice, because the API may read the other one.  In fast mode
   the sizes of all that was looked into are compared (`explained`); any difference means reading again in exact mode,
   which raises `TwiceError`.  What is not looked into (tool inputs, schemas) cannot lower a bound.
"""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Raw
from msgspec.json import Decoder

from tidegate.model.call import CacheTtl
from tidegate.policy.scan import check_unique, items_size

Members = dict[str, Raw]

ABSENT: Final = Raw(b"")
"""Stands for a member that is not there; false, as no JSON value is."""
QUOTE: Final = 0x22
BRACE: Final = 0x7B
BRACKET: Final = 0x5B
"""First bytes of a string, an object and a list: `memoryview(raw)[0]` copies nothing."""

_DEPTH: Final = 4
"""Blocks within blocks that the API allows, with room: tool result, document, its content, an image."""
_CHUNK_TOKENS: Final = 16
"""Marks that Anthropic puts around a sentence of a cited document, with a margin; not documented."""

_OBJECTS: Decoder[list[Members]] = Decoder(list[Members])
_OBJECT: Decoder[Members] = Decoder(Members)
_ITEMS: Decoder[list[Raw]] = Decoder(list[Raw])
_STRING: Decoder[str] = Decoder(str)


def _written(*kinds: str) -> frozenset[bytes]:
    """Types as they are written, save with escapes."""
    return frozenset(f'"{kind}"'.encode() for kind in kinds)


_TEXT: Final = _written(
    "text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use",
    "tool_removal", "fallback", "mcp_tool_listing",
)  # fmt: skip
_NESTING: Final = _written("tool_result", "mcp_tool_result", "search_result")
_SERVER_RESULTS: Final = _written(
    "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result", "advisor_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
)  # fmt: skip
_HIDDEN = re.compile(rb'"source"|\\u00[4-7]')
"""A document within a server tool's result, or a letter written as an escape, which may spell that name."""
_MINUTES = re.compile(rb'"ttl"[ \t\r\n]*:[ \t\r\n]*"5m"')
_MARK = re.compile(rb"cache_control|\\u00[4-7]")
_ENDS: Final = (b".", b"!", b"?", b"\\n", b"\\u", b"\xe3\x80\x82", b"\xef\xbc\x81", b"\xef\xbc\x9f")
"""Where a cited text may be cut into sentences; every escaped character is taken for an end."""


class Inputs:
    """What was seen so far; one object serves one reading."""

    images = 0
    documents = 0
    unknown = 0
    removed = 0
    """Bytes of base64 data."""
    references = 0
    """Mentions of tools, each of which may put a tool's definition into the prompt once more."""
    overhead = 0
    """Tokens that are added around cited sentences."""
    cache: CacheTtl = "none"
    defined: tuple[Members, ...] = ()
    """Tools defined inside messages."""

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact
        self._seen: list[Members] = []
        self._bytes = 0

    def messages(self, contents: Iterable[Raw]) -> None:
        """Look into each message's content."""
        for content in contents:
            self.content(content, 0)

    def content(self, raw: Raw, depth: int) -> None:
        """A content: a string, or a list of blocks."""
        first = memoryview(raw)[0]
        if first == QUOTE:
            return
        if first != BRACKET or depth > _DEPTH:
            self.opaque(raw)
            return
        for block in self.objects(raw):
            if "cache_control" in block:
                self.mark(block["cache_control"])
            kind = bytes(block.get("type", ABSENT))
            if kind not in _TEXT:
                self._block(kind, block, depth)

    def objects(self, raw: Raw) -> list[Members]:
        """The objects of a list; in fast mode msgspec.ValidationError when something else is among them."""
        if not self.exact:
            items = _OBJECTS.decode(raw)
            self._seen += items
            self._bytes += len(raw) - 1
            return items
        # What is no object has no members, which is a type of block that is not understood.
        return [self.object(item) for item in _ITEMS.decode(raw)]

    def object(self, raw: Raw | None) -> Members:
        """The members of an object; none when it is anything else, which nothing here accepts."""
        if not raw or memoryview(raw)[0] != BRACE:
            return {}
        members = _OBJECT.decode(raw)
        if self.exact:
            check_unique(raw, members)
        else:
            self._seen.append(members)
            self._bytes += len(raw) + 1
        return members

    def explained(self) -> bool:
        """Whether all that was looked into has the size that its members give it; always so in exact mode."""
        return self._bytes == items_size(self._seen)

    def mark(self, raw: Raw) -> None:
        """A `cache_control`: 5 minutes only when it surely says so or says nothing, one hour when in doubt."""
        text = bytes(raw)
        if text == b"null":
            return
        if b"\\" in text or text.count(b"ttl") != len(_MINUTES.findall(text)):
            self.cache = "1h"
        elif self.cache == "none":
            self.cache = "5m"

    def opaque(self, *values: Raw) -> None:
        """Something that is not understood: it may be of any size and be marked for the cache."""
        self.unknown += 1
        if any(_MARK.search(bytes(value)) for value in values):
            self.cache = "1h"

    def _block(self, kind: bytes, block: Members, depth: int) -> None:
        if b"\\" in kind:
            kind = f'"{text_of(block["type"])}"'.encode()
        if kind in _NESTING:
            if "content" in block:
                self.content(block["content"], depth + 1)
        elif kind == b'"image"':
            self._image(block)
        elif kind == b'"document"':
            self._document(block, depth)
        elif kind in _SERVER_RESULTS:
            self._server_result(bytes(block.get("content", ABSENT)))
        else:
            self._rare(kind, block)

    def _image(self, block: Members) -> None:
        source = self.object(block.get("source"))
        if _is_base64(source):
            self.images += 1
            self.removed += len(source["data"]) - 2
        else:
            self.opaque(*block.values())

    def _document(self, block: Members, depth: int) -> None:
        source = self.object(block.get("source"))
        kind = text_of(source.get("type"))
        if _is_base64(source):
            self.documents += 1
            self.removed += len(source["data"]) - 2
        elif kind == "text" and "data" in source:
            if "citations" in block:
                data = bytes(source["data"])
                self.overhead += _CHUNK_TOKENS * (1 + sum(map(data.count, _ENDS)))
        elif kind == "content" and "content" in source:
            self.content(source["content"], depth + 1)
        else:
            self.opaque(*block.values())

    def _server_result(self, content: bytes) -> None:
        self.references += content.count(b'"tool_name"')
        self.unknown += _HIDDEN.search(content) is not None

    def _rare(self, kind: bytes, block: Members) -> None:
        if kind == b'"tool_reference"':
            self.references += 1
        elif kind == b'"tool_addition"':
            self._addition(block)
        elif kind == b'"compaction"':
            if "tool_changes" in block:
                self.content(block["tool_changes"], _DEPTH)
        elif kind not in _TEXT:
            self.opaque(*block.values())

    def _addition(self, block: Members) -> None:
        tool = self.object(block.get("tool"))
        if text_of(tool.get("type")) == "tool_definition":
            self.defined = (*self.defined, self.object(tool.get("definition")))
        else:
            self.references += 1


def text_of(raw: Raw | None) -> str | None:
    """The string that a value is; None when it is anything else."""
    if not raw or memoryview(raw)[0] != QUOTE:
        return None
    return _STRING.decode(raw)


def _is_base64(source: Members) -> bool:
    """Whether a source is surely read as base64 data: these three members and no other that might win over them."""
    return (
        len(source) == 3
        and "media_type" in source
        and text_of(source.get("type")) == "base64"
        and "data" in source
        and memoryview(source["data"])[0] == QUOTE
    )
