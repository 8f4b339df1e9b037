"""Paths that are split before they are decoded: addresses may have "/", "%", "+" and "?"."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor

from sendlimit.web.errors import WebError

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class _Segment(Convertor[str]):
    """One segment of a path."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Decode it; undecoded_path() has seen that it is UTF-8."""
        return unquote_to_bytes(value).decode()

    def to_string(self, value: str) -> str:
        """Not used: paths are not made from routes."""
        raise NotImplementedError(value)


def register_segment() -> None:
    """Let routes say {name:segment}; before the first of them is made."""
    register_url_convertor("segment", _Segment())


def undecoded_path(raw: bytes) -> str:
    """Return the path as the client has written it, for routes with {name:segment}.

    Raises:
        WebError: it is not percent-encoded UTF-8.
    """
    if _BROKEN_ESCAPE.search(raw):
        raise WebError("bad_request", "the path has a '%' that is not followed by two digits")
    try:
        unquote_to_bytes(raw).decode()
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise WebError("bad_request", "the path is not percent-encoded UTF-8") from None
