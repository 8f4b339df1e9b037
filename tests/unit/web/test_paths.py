"""Paths are split before they are decoded."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.convertors import CONVERTOR_TYPES

from sendlimit.web.errors import WebError
from sendlimit.web.paths import register_segment, undecoded_path

_TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1)


@given(_TEXTS)
def test_any_text_is_one_segment(text: str) -> None:
    """Whatever is percent-encoded comes back as it was, and has no "/" until then."""
    register_segment()
    path = undecoded_path(quote(text, safe="").encode())
    assert "/" not in path
    assert CONVERTOR_TYPES["segment"].convert(path) == text


@pytest.mark.parametrize(
    "raw", [b"/v1/%ff", b"/v1/%c3", b"/v1/%", b"/v1/%4", b"/v1/%zz", b"/v1/\xe4"]
)
def test_refused(raw: bytes) -> None:
    """What is not percent-encoded UTF-8 is refused."""
    with pytest.raises(WebError) as raised:
        undecoded_path(raw)
    assert raised.value.status == 400
