"""Checks and their findings."""

from sendlimit.doctor.check import CODES, error, found, passed, warning

SENTENCES = ("submission/inet", "it is wrong", "mail is lost", "mend it")


def test_passed() -> None:
    """A check without findings has a message and no error."""
    check = passed("mode", "enforce")
    assert (check.name, check.message, check.findings, check.has_errors) == (
        "mode", "enforce", (), False,
    )  # fmt: skip


def test_findings() -> None:
    """Only a finding of severity "error" makes a check one with errors; the rest is the same."""
    wrong, odd = error("options", *SENTENCES), warning("options", *SENTENCES)
    assert (wrong.severity, odd.severity) == ("error", "warning")
    assert (wrong.code, wrong.subject, wrong.problem, wrong.why, wrong.remedy) == (
        "options", *SENTENCES,
    )  # fmt: skip
    assert found("options", odd, wrong).has_errors
    assert not found("options", odd).has_errors


def test_codes_belong_to_one_check() -> None:
    """A code says by itself which check it is from."""
    codes = [code for of_check in CODES.values() for code in of_check]
    assert len(codes) == len(set(codes))
