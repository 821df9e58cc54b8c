"""A request's body in one piece; an answer's within its size limit, decoded, never holding more than the limit."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Protocol

from identity_sdk.errors import ProtocolError

__all__ = ["ACCEPT_ENCODING", "BodyReader", "OnePiece", "TooLargeError", "says_encoding"]

ACCEPT_ENCODING = "gzip, deflate"
"""What every transport asks for, and what :class:`BodyReader` understands."""


def says_encoding(headers: Mapping[str, str]) -> bool:
    """Whether the caller asks for an encoding himself."""
    for name in headers:  # noqa: SIM110 -- three times as quick as any() over a generator, once per request
        if len(name) == 15 and name.lower() == "accept-encoding":
            return True
    return False


class OnePiece:
    """The iterator over a request's body. Not an async generator: a cancellation may leave it half-way, and trio
    complains of a generator that is left so.
    """

    __slots__ = ("_left",)

    def __init__(self, body: bytes) -> None:
        self._left = body

    def __aiter__(self) -> OnePiece:
        return self

    async def __anext__(self) -> bytes:
        piece, self._left = self._left, b""
        if not piece:
            raise StopAsyncIteration
        return piece


_GZIP = 16 + zlib.MAX_WBITS


class TooLargeError(ProtocolError):
    """The answer is larger than ``max_response_bytes``."""


class _Decoder(Protocol):
    def decode(self, data: bytes, room: int) -> list[bytes]: ...

    @property
    def complete(self) -> bool: ...


class BodyReader:
    """Takes the chunks as they come, answers the whole decoded body.

    A bomb is stopped when it passes the limit, since zlib is never asked for more than what is left of it.

    Args:
        encoding: the value of ``Content-Encoding``, empty for none.
        length: the value of ``Content-Length``, if there was one.
        limit: bytes at most, decoded.

    Raises:
        ProtocolError: the body is larger than ``limit``, corrupt, or in an encoding that nobody asked for.
    """

    __slots__ = ("_decoder", "_limit", "_parts", "_room")

    def __init__(self, encoding: str, length: str | None, limit: int) -> None:
        self._limit = limit
        self._room = limit
        self._parts: list[bytes] = []
        self._decoder = _decoder_for(encoding) if encoding else None
        if length is not None and length.isdecimal() and int(length[:20]) > limit:
            raise self._too_large()

    def feed(self, chunk: bytes) -> None:
        """One more piece, as it came from the wire."""
        if self._decoder is None:
            self._keep(chunk)
            return
        try:
            for part in self._decoder.decode(chunk, self._room + 1):
                self._keep(part)
        except zlib.error:
            raise ProtocolError("the answer's compressed body is corrupt") from None

    def _keep(self, part: bytes) -> None:
        self._room -= len(part)
        if self._room < 0:
            self._parts.clear()
            raise self._too_large()
        self._parts.append(part)

    def finish(self) -> bytes:
        """The whole body, decoded."""
        if self._decoder is not None and not self._decoder.complete:
            raise ProtocolError("the answer's compressed body is cut off")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _too_large(self) -> ProtocolError:
        return TooLargeError(
            f"the answer is larger than max_response_bytes ({self._limit} bytes): not read further"
        )


def _decoder_for(encoding: str) -> _Decoder | None:
    decoders: list[_Decoder] = []
    for name in encoding.lower().split(","):
        match name.strip():
            case "identity" | "":
                continue
            case "gzip" | "x-gzip":
                decoders.append(_Gzip())
            case "deflate":
                decoders.append(_Deflate())
            case _:
                raise ProtocolError("the answer's Content-Encoding is one that was not asked for")
    if len(decoders) > 1:
        # Layers multiply what a bomb can do, and no server of ours sends them.
        raise ProtocolError("the answer's body is compressed more than once")
    return decoders[0] if decoders else None


class _Gzip:
    """gzip (RFC 1952), of one member or several."""

    __slots__ = ("_inflate", "_started")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP)
        self._started = False

    @property
    def complete(self) -> bool:
        return self._inflate.eof or not self._started

    def decode(self, data: bytes, room: int) -> list[bytes]:
        parts: list[bytes] = []
        while data and room > 0:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(_GZIP)  # the next member
            self._started = True
            part = self._inflate.decompress(data, room)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data
            if part:
                parts.append(part)
                room -= len(part)
        return parts


class _Deflate:
    """``deflate``: zlib (RFC 1950) as HTTP says, or raw (RFC 1951) as some servers do."""

    __slots__ = ("_inflate", "_started")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj()
        self._started = False

    @property
    def complete(self) -> bool:
        return self._inflate.eof or not self._started

    def decode(self, data: bytes, room: int) -> list[bytes]:
        parts: list[bytes] = []
        while data and room > 0 and not self._inflate.eof:
            try:
                part = self._inflate.decompress(data, room)
            except zlib.error:
                if self._started:
                    raise
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                part = self._inflate.decompress(data, room)
            self._started = True
            data = self._inflate.unconsumed_tail
            if part:
                parts.append(part)
                room -= len(part)
        return parts
