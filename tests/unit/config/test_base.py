"""What every table of the config file is made from."""

import pytest
from pydantic import ValidationError

from sendlimit.config import Config
from sendlimit.config.base import Section, fields_of, is_by_subject, refuse_repeats, table_in
from sendlimit.config.limits import LimitsSection, SubjectLimits
from sendlimit.config.sections import MetricsSection


class _Sample(Section):
    number: int = 1


def test_unknown_key_is_an_error() -> None:
    """A key that the table does not have is refused."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        _Sample.model_validate({"nummer": 1})


def test_types_are_strict() -> None:
    """A text is no number, even if it looks like one."""
    with pytest.raises(ValidationError):
        _Sample.model_validate({"number": "1"})


def test_nothing_changes_after_it_is_read() -> None:
    """Threads may share a table: it is frozen."""
    with pytest.raises(ValidationError, match="frozen"):
        _Sample().number = 2  # type: ignore[misc]


def test_an_error_does_not_show_the_value() -> None:
    """What stands in the file may be a password: an error does not repeat it."""
    with pytest.raises(ValidationError) as caught:
        _Sample.model_validate({"number": "SECRET"})

    assert "SECRET" not in str(caught.value)


def test_tables_of_fields() -> None:
    """A table is found in a field, also where it is optional or there is one for each subject."""
    fields = fields_of(Config)
    subjects = fields_of(LimitsSection)["for"]

    assert table_in(fields["metrics"]) is MetricsSection
    assert table_in(fields["mode"]) is None
    assert (table_in(subjects), is_by_subject(subjects)) == (SubjectLimits, True)
    assert not is_by_subject(fields["metrics"])


def test_repeats() -> None:
    """R2: two spellings of one subject are an error that names both."""
    refuse_repeats({"a.org": "a.org", "b.org": "b.org"})
    with pytest.raises(ValueError, match=r"'a\.org' and 'A\.org' are the same"):
        refuse_repeats({"a.org": "a.org", "b.org": "b.org", "A.org": "a.org"})
