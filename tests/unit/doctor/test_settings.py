"""What the doctor says about the configuration file."""

from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.doctor import settings
from sendlimit.doctor.check import Check
from sendlimit.rules.never_in_force import NeverInForce
from sendlimit.rules.precedence import Rules
from support.counting_samples import file_rules, setting


def codes(check: Check) -> list[str]:
    """What was found."""
    return [finding.code for finding in check.findings]


def test_file() -> None:
    """A right file is fine; each problem of a wrong one is a finding, without its path again."""
    path = Path("/etc/sendlimit.toml")
    assert settings.file(path, []).message == str(path)

    check = settings.file(path, [f"{path}: mode: is wrong", f"{path}: limits: are wrong"])

    assert [finding.problem for finding in check.findings] == [
        "mode: is wrong",
        "limits: are wrong",
    ]
    assert check.has_errors


@pytest.mark.parametrize(
    ("config_mode", "secret_mode", "expected"),
    [
        (0o644, 0o640, []),
        (0o646, 0o640, ["config-mode"]),
        (0o640, 0o644, ["secret-mode"]),
        (0o666, 0o602, ["config-mode", "secret-mode"]),
    ],
)
def test_modes(tmp_path: Path, config_mode: int, secret_mode: int, expected: list[str]) -> None:
    """Strangers may read the configuration, not write it; secrets are not theirs at all."""
    path, secret = tmp_path / "sendlimit.toml", tmp_path / "the password"
    for file, mode in ((path, config_mode), (secret, secret_mode)):
        file.touch()
        file.chmod(mode)
    config = Config.model_validate(
        {"store": {"url": "mariadb://a@b/c", "password_file": str(secret)}}
    )

    check = settings.modes(path, config)

    assert codes(check) == expected
    if "secret-mode" in expected:
        assert check.findings[-1].remedy == f"chmod o= '{secret}'"


def test_secrets(tmp_path: Path) -> None:
    """The webhook's secret is one, too; a file that is not there is no stranger's."""
    config = Config.model_validate(
        {
            "store": {"password_file": str(tmp_path / "none")},
            "notify": {
                "webhook_url": "https://hooks.example.org/",
                "webhook_secret_file": str(tmp_path / "secret"),
            },
        }
    )
    (tmp_path / "sendlimit.toml").touch()

    assert settings.secret_files(config) == [tmp_path / "none", tmp_path / "secret"]
    assert codes(settings.modes(tmp_path / "sendlimit.toml", config)) == []


def test_mode_and_limits() -> None:
    """Observing and limiting nothing are warnings: that may be meant."""
    path = Path("/etc/sendlimit.toml")
    observing = settings.mode(Config(mode="observe"), path)
    unlimited = settings.limits(Rules(), observe=False)

    assert (codes(observing), observing.has_errors) == (["observe"], False)
    assert (codes(unlimited), unlimited.has_errors) == (["nothing-limited"], False)
    assert settings.mode(Config(), path).message == "enforce"
    limited = settings.limits(file_rules(setting("*", "global.messages_per_day", 9)), observe=False)
    assert (
        limited.message == "enforce: mail is refused beyond 9 messages per day of the whole server"
    )


def test_subjects_that_never_sent() -> None:
    """The subjects of the file of which no mail has been counted are named: five, and how many more."""
    rules = file_rules(setting("*", "global.messages_per_day", 9))
    few = settings.limits(rules, unknown=["alice.smith"], observe=False)
    many = settings.limits(rules, unknown=[f"{number}.org" for number in range(7)], observe=False)

    assert not few.findings
    assert few.message.endswith("; no mail counted yet of alice.smith")
    assert many.message.endswith("yet of 0.org, 1.org, 2.org, 3.org, 4.org and 2 more")


def test_limit_of_no_one() -> None:
    """A row of er_limit that counts for no mail is an error, with the commands that set it right."""
    row = setting("*.example.org", "mailbox.messages_per_day", None)
    wrong = NeverInForce(row, "it is odd", "@example.org")
    (finding,) = settings.limits(Rules(), [wrong], observe=False).findings

    assert (finding.code, finding.severity) == ("limit-of-no-one", "error")
    assert finding.remedy == (
        "sendlimit limit unset '*.example.org' mailbox.messages_per_day;"
        " sendlimit limit set @example.org mailbox.messages_per_day unlimited"
    )


def test_logins(tmp_path: Path) -> None:
    """A map of logins that is missing or broken is an error; one that strangers can write, too."""
    file = tmp_path / "logins"
    config = Config.model_validate({"identity": {"map_file": str(file)}})
    path = tmp_path / "sendlimit.toml"
    path.touch(mode=0o640)
    assert codes(settings.logins(config, path)) == ["login-map"]
    file.write_text("sales alice@example.org\n")
    assert settings.logins(config, path).message == "other spellings: 1"
    assert settings.logins(Config(), path).message == "each login is a mailbox of its own"

    assert codes(settings.modes(path, config)) == []
    file.chmod(0o646)
    assert codes(settings.modes(path, config)) == ["config-mode"]
