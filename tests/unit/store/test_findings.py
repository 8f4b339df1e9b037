"""What the doctor found, kept."""

from sendlimit.store.connection import Connection
from sendlimit.store.findings import Findings, KeptFinding, keep_findings, read_findings
from support.counting_samples import NOON


def _finding(code: str, level: str = "warning") -> KeptFinding:
    return KeptFinding("attached", code, "submission", level, "what was found", NOON)


def test_none_yet(tables: Connection) -> None:
    """Before the first run there is no time of a run."""
    assert read_findings(tables) == Findings(None, [])


def test_a_run_replaces_the_one_before(tables: Connection) -> None:
    """What is found again keeps the time of the first find; what is gone is gone; errors first."""
    keep_findings(tables, [_finding("twice"), _finding("options")], NOON)
    keep_findings(tables, [_finding("twice"), _finding("not-attached", "error")], NOON + 3600)

    found = read_findings(tables)
    assert found.at == NOON + 3600
    assert [(each.code, each.first_at - NOON) for each in found.found] == [
        ("not-attached", 3600),
        ("twice", 0),
    ]


def test_all_is_well(tables: Connection) -> None:
    """A run that finds nothing leaves its time."""
    keep_findings(tables, [_finding("twice")], NOON)
    keep_findings(tables, [], NOON + 60)
    assert read_findings(tables) == Findings(NOON + 60, [])
