"""What an import changes beside what is set already."""

from sendlimit.onboarding.plan import Change, Plan, plan
from sendlimit.rules.override import Override
from support.counting_samples import setting

A_DAY = "mailbox.messages_per_day"
SAME, NEW, OTHER = (setting(f"{who}@example.org", A_DAY, 5) for who in ("same", "new", "other"))


def test_plan() -> None:
    """New limits are set, equal ones are left alone, others are kept unless they are replaced."""
    same = Override(SAME, "", "root", 0)
    other = Override(OTHER._replace(max=None), "", "root", 0)
    lasting = {(row.setting.subject, row.setting.name): row for row in (same, other)}

    assert plan([SAME, NEW, OTHER], lasting, replace=False) == Plan(
        (Change(NEW, None),), (Change(OTHER, other),), 1
    )
    assert plan([SAME, NEW, OTHER], lasting, replace=True) == Plan(
        (Change(NEW, None), Change(OTHER, other)), (), 1
    )
