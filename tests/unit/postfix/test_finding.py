"""One thing that is wrong."""

from dataclasses import replace

from sendlimit.postfix.finding import error, warning


def test_severity() -> None:
    """An error and a warning with the same sentences differ in their severity only."""
    sentences = ("submission/inet", "it is wrong", "mail is lost", "mend it")
    wrong, odd = error("options", *sentences), warning("options", *sentences)

    assert (wrong.code, wrong.subject, wrong.problem, wrong.why, wrong.remedy) == (
        "options", *sentences,
    )  # fmt: skip
    assert (wrong.severity, odd) == ("error", replace(wrong, severity="warning"))
