"""Edits of main.cf leave everything else as it was."""

from hypothesis import given
from hypothesis import strategies as st

from sendlimit.postfix import main_cf
from sendlimit.postfix.services import is_own_parameter
from support.postfix_samples import configuration_texts

_LINES = st.sampled_from(
    ["a = b\n", "  continued\n", "# comment\n", "\n", "smtpd_milters=inet:a:1,\n", "\tinet:b:2\n"]
)


@given(text=configuration_texts(_LINES, "compatibility_level = 3.6\n"))
def test_main_cf_comes_back(text: str) -> None:
    """Settings that were added can be taken out; a newline at the end may stay."""
    attached = main_cf.with_parameters(
        text, {"sendlimit_milters": "{ x }", "sendlimit_milters_a": ""}
    )

    assert main_cf.parameters(attached)[:-2] == main_cf.parameters(text)
    assert [setting.name for setting in main_cf.parameters(attached)][-2:] == [
        "sendlimit_milters",
        "sendlimit_milters_a",
    ]
    assert main_cf.without(attached, is_own_parameter) in {text, text + "\n"}


def test_setting_over_several_lines() -> None:
    """A setting goes on over indented lines, with comments and blank lines between."""
    text = "x = 1\nsendlimit_milters = inet:a:1,\n# comment\n\n  unix:b\ny = 2\n"

    setting = main_cf.parameters(text)[1]

    assert (setting.name, setting.value) == ("sendlimit_milters", "inet:a:1, unix:b")
    assert main_cf.without(text, is_own_parameter) == "x = 1\ny = 2\n"
