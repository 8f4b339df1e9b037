"""What an import changes beside what is set already."""

from sendlimit.onboarding.import_plan import ImportPlan, OverrideChange, plan_import
from sendlimit.rules.override import Override
from support.counting_samples import setting

A_DAY = "mailbox.messages_per_day"
SAME, NEW, OTHER = (setting(f"{who}@example.org", A_DAY, 5) for who in ("same", "new", "other"))


def test_plan() -> None:
    """New limits are set, equal ones are left alone, others are kept unless they are replaced."""
    same = Override(SAME, "", "root", 0)
    other = Override(OTHER._replace(max=None), "", "root", 0)
    lasting = {(row.setting.subject, row.setting.name): row for row in (same, other)}

    assert plan_import([SAME, NEW, OTHER], lasting, replace=False) == ImportPlan(
        (OverrideChange(NEW, None),), (OverrideChange(OTHER, other),), 1
    )
    assert plan_import([SAME, NEW, OTHER], lasting, replace=True) == ImportPlan(
        (OverrideChange(NEW, None), OverrideChange(OTHER, other)), (), 1
    )
