"""What one reads on a page of HTML."""

import re
from html import unescape


def read_on(page: str) -> str:
    """Return the page without markup, attributes and the tokens of its forms.

    Whether a number is missing on a page is asked of this: a random token holds any short number
    now and then.
    """
    return unescape(re.sub(r"<[^>]*>", " ", page))
