"""Checks and their findings."""

from sendlimit.doctor.check import CODES, found, passed
from sendlimit.postfix.finding import error, warning

SENTENCES = ("submission/inet", "it is wrong", "mail is lost", "mend it")


def test_passed() -> None:
    """A check without findings has a message and no error."""
    check = passed("mode", "enforce")
    assert (check.name, check.message, check.findings, check.has_errors) == (
        "mode", "enforce", (), False,
    )  # fmt: skip


def test_findings() -> None:
    """A check has errors when one of its findings is one."""
    wrong, odd = error("options", *SENTENCES), warning("options", *SENTENCES)
    assert found("options", odd, wrong).has_errors
    assert not found("options", odd).has_errors


def test_codes_belong_to_one_check() -> None:
    """A code says by itself which check it is from."""
    codes = [code for of_check in CODES.values() for code in of_check]
    assert len(codes) == len(set(codes))
