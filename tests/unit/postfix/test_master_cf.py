"""Edits of master.cf leave everything else as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.postfix import master_cf
from sendlimit.postfix.services import is_own_option
from support.postfix_samples import configuration_texts

_LINES = st.sampled_from(
    [
        "smtp inet n - y - - smtpd\n",
        "submission inet n - y - - smtpd -o a=b\n",
        "  -o syslog_name=postfix/x\n",
        "\t-o { smtpd_milters = { inet:a:1, default_action=accept } }   -o c=d\n",
        "# comment\n",
        "  # indented comment\n",
        "\n",
        "pickup unix n - y 60 1 pickup\n",
        "maildrop unix - n n - - pipe flags=DRXhu argv=x -o ${recipient}\n",
    ]
)
_OURS = "smtpd_milters=$sendlimit_milters"


@given(text=configuration_texts(_LINES, "25 inet n - y - - smtpd\n"))
def test_master_cf_comes_back(text: str) -> None:
    """Options that were added to services can be taken out without a trace."""
    keys = {service.key for service in master_cf.services(text)}
    option = "smtpd_milters=$sendlimit_milters"
    attached = master_cf.with_options(text, dict.fromkeys(keys, option))

    for service in master_cf.services(attached):
        assert is_own_option(service.options[-1])
    assert text == master_cf.without(attached, is_own_option)


@pytest.mark.parametrize(
    ("attached", "detached"),
    [
        pytest.param(
            f"smtp inet n - y - - smtpd -o a=b -o {_OURS} -o c=d\n",
            "smtp inet n - y - - smtpd -o a=b -o c=d\n",
            id="among-others-on-the-first-line",
        ),
        pytest.param(
            f"smtp inet n - y - - smtpd\n  -o {_OURS} -o c=d\n",
            "smtp inet n - y - - smtpd\n  -o c=d\n",
            id="before-another",
        ),
        pytest.param(
            f"smtp inet n - y - - smtpd\n  -o c=d -o {_OURS}\nx unix n - y - - x\n",
            "smtp inet n - y - - smtpd\n  -o c=d\nx unix n - y - - x\n",
            id="after-another",
        ),
        pytest.param(
            "smtp inet n - y - - smtpd\n  -o { smtpd_milters = $sendlimit_milters }\n",
            "smtp inet n - y - - smtpd\n",
            id="in-braces",
        ),
        pytest.param(
            "smtp inet n - y - - smtpd\n  -osmtpd_milters=${sendlimit_milters_smtp_inet}\n",
            "smtp inet n - y - - smtpd\n",
            id="in-one-word",
        ),
        pytest.param(
            f"smtp inet n - y - - smtpd\n  -o\n  # why\n  {_OURS}\n  -v\n",
            "smtp inet n - y - - smtpd\n  -v\n",
            id="over-two-lines",
        ),
        pytest.param(
            "smtp inet n - y - - smtpd -o smtpd_milters=$sendlimiter\n",
            "smtp inet n - y - - smtpd -o smtpd_milters=$sendlimiter\n",
            id="not-ours",
        ),
    ],
)
def test_option_in_any_layout(attached: str, detached: str) -> None:
    """Our option is found however it is laid out, and others stay where they are."""
    assert detached == master_cf.without(attached, is_own_option)


def test_last_override_is_read_last() -> None:
    """Options keep their order and their values, with blanks and braces."""
    text = (
        "submission inet n - y - - smtpd\n"
        "  -o smtpd_milters=inet:a:1   -o x=$y\n"
        "  -o { smtpd_milters = { inet:b:2,\n"
        "     default_action=accept } unix:c }\n"
    )

    (service,) = master_cf.services(text)

    assert service.key == "submission/inet"
    assert [(option.name, option.value.split()) for option in service.options] == [
        ("smtpd_milters", ["inet:a:1"]),
        ("x", ["$y"]),
        ("smtpd_milters", ["{", "inet:b:2,", "default_action=accept", "}", "unix:c"]),
    ]


def test_line_with_too_few_fields() -> None:
    """A line that is no service is left to Postfix to complain about."""
    assert master_cf.services("smtp inet n\n") == []
