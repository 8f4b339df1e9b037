"""Services that attach leaves out are named."""

import pytest

from sendlimit.postfix.findings import find_faults
from support.postfix_samples import AUTH, snapshot_from

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]

_OPEN = "127.0.0.1:2525 inet n - y - - smtpd\n  -o smtpd_milters=\n"
_TRUSTED_ONLY = f"{_OPEN}  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n"


@pytest.mark.parametrize(
    ("master", "severity", "off"),
    [
        (_OPEN, "error", "'127.0.0.1:2525/inet/smtpd_sasl_auth_enable=no'"),
        (_TRUSTED_ONLY, "warning", "'127.0.0.1:2525/inet/smtpd_sasl_auth_enable=no'"),
    ],
    ids=["open-to-logins", "open-to-mynetworks-only"],
)
def test_service_that_is_left_out(master: str, severity: str, off: str) -> None:
    """A port taken for the way back from a filter is named; its logins matter if they open it."""
    snapshot = snapshot_from(AUTH, f"smtp inet n - y - - smtpd\n{master}")

    (fault,) = (fault for fault in find_faults(snapshot, "unix:/s") if fault.code == "re-entry")

    assert (fault.severity, fault.subject) == (severity, "127.0.0.1:2525/inet")
    assert off in fault.remedy


def test_service_that_is_left_out_and_asked_by_main_cf() -> None:
    """A way back from a filter that asks sendlimit all the same leaves nothing out."""
    main = f"{AUTH}smtpd_milters = unix:/s\n"
    master = "127.0.0.1:2525 inet n - y - - smtpd\n  -o content_filter=\n"

    assert "re-entry" not in {
        fault.code for fault in find_faults(snapshot_from(main, master), "unix:/s")
    }
