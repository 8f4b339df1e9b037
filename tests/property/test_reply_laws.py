"""Laws of the refusal: no text makes a reply that can't be sent."""

import re
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from sendlimit.rules.decision import LimitUsage
from sendlimit.rules.mailbox import sender_of
from sendlimit.rules.reply import FIXED_TEXT, LINE_MAX, PLACEHOLDERS, Reply, Wording, problem_with
from support.counting_samples import ALICE, NOON, UTC, usage_of

# Any text, and texts that are mostly placeholders, braces and percent signs.
_TEMPLATES = st.one_of(
    st.text(max_size=1200),
    st.lists(
        st.one_of(
            st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS]),
            st.sampled_from(["{", "}", "{{", "}}", "%", "%%", "\r\n", "{0}", "é", "x" * 300]),
        ),
        max_size=12,
    ).map("".join),
)
_LOGINS = st.text(min_size=1, max_size=300)
_HITS = st.sampled_from(
    [
        usage_of("mailbox.messages_per_day", 100, 100),
        usage_of("domain.recipients_per_hour", 0, 0),
        usage_of("global.messages_per_month", 999, 10**6),
        usage_of("mailbox.recipients_per_message", 5, 0),
    ]
)
_TEXTS = st.dictionaries(st.sampled_from(["mailbox", "domain", "global", "message"]), _TEMPLATES)


def _assert_safe(reply: Reply) -> None:
    assert re.fullmatch(r"4\d\d", reply.code)
    assert re.fullmatch(r"4\.\d+\.\d+", reply.enhanced_status)
    assert reply.text.isprintable()
    assert reply.text.strip()
    assert len(reply.text.encode()) <= LINE_MAX


@given(_TEXTS, _LOGINS, _HITS)
def test_any_text_gives_a_safe_reply(
    texts: Mapping[str, str], login: str, exceeded: LimitUsage
) -> None:
    """Whatever is configured, for every sender: 4yz, one printable line that fits."""
    wording = Wording(texts=texts, by_domain={"x.org": texts})

    _assert_safe(wording.refusal(exceeded, sender_of(login), UTC, NOON))


@given(_TEMPLATES, st.integers(0, 10**9))
def test_text_that_passes_the_check_is_used(template: str, used: int) -> None:
    """A text that the config file takes is sent, not the fixed one, for any ordinary mailbox."""
    if problem_with(template) is None:
        exceeded = usage_of("mailbox.messages_per_day", 10, used)
        wording = Wording(texts={"mailbox": template})

        assert wording.refusal(exceeded, ALICE, UTC, NOON).text != FIXED_TEXT
