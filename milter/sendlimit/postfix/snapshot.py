"""Read a Postfix configuration: both files, and the values that Postfix reads from them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.files import read_octets
from sendlimit.postfix.chain import split_braced
from sendlimit.postfix.commands import PostfixCommands, default_config_directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ISPCONFIG = Path("/usr/local/ispconfig")

_CUSTOM = Path("server/conf-custom/install/postfix_custom.conf.master")
_EFFECTIVE = (
    "milter_macro_defaults",
    "milter_mail_macros",
    "milter_rcpt_macros",
    "mydestination",
    "mynetworks",
    "proxy_interfaces",
    "receive_override_options",
    "relay_domains",
    "smtpd_authorized_xclient_hosts",
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_milter_maps",
    "smtpd_milters",
    "smtpd_proxy_filter",
    "smtpd_recipient_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_sasl_auth_enable",
    "smtpd_sender_restrictions",
    "virtual_alias_domains",
    "virtual_mailbox_domains",
)
_MAILBOX_TRANSPORTS = ("local_transport", "virtual_transport")
_CHROOT_DEFAULT_CHANGED = 1  # compatibility_level from which "-" means no chroot


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """A file as it is; undecodable bytes become surrogates, so that nothing is lost.

    Attributes:
        path: where it is, symbolic links resolved.
        text: its content; None: it does not exist.
    """

    path: Path
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpdService:
    """One smtpd service of master.cf.

    Attributes:
        key: "submission/inet", "127.0.0.1:10025/inet".
        is_chrooted: whether it runs inside of the queue directory.
        options: its own -o options as written.
        effective: the parameters of _EFFECTIVE as the service sees them, references resolved; one
            that this Postfix does not have is left out (smtpd_milter_maps before 3.2).
    """

    key: str
    is_chrooted: bool
    options: Mapping[str, str]
    effective: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A Postfix configuration at one moment.

    Attributes:
        config_directory: as chosen, or Postfix's own default.
        is_chosen: whether the admin named the directory.
        version: mail_version, "3.7.11".
        queue_directory: absolute.
        multi_instance_directories: further instances that the default one manages, or empty.
        smtpd_milters: of main.cf, as written.
        main_chain: the same, references resolved.
        non_smtpd_chain: non_smtpd_milters of main.cf, references resolved.
        services: the smtpd services, in the order of master.cf.
        elsewhere: smtpd services that read another configuration directory ("-c"), and which one.
        main_cf: the file.
        master_cf: the file.
        ispconfig_custom: ISPConfig's postfix_custom.conf.master; None: there is no ISPConfig.
        mailbox_transports: local_transport and virtual_transport of main.cf, references resolved.
    """

    config_directory: Path
    is_chosen: bool
    version: str
    queue_directory: Path
    multi_instance_directories: str
    smtpd_milters: str
    main_chain: str
    non_smtpd_chain: str
    services: tuple[SmtpdService, ...]
    elsewhere: Mapping[str, str]
    main_cf: TextFile
    master_cf: TextFile
    ispconfig_custom: TextFile | None
    mailbox_transports: Mapping[str, str]


def read_snapshot(
    config_directory: Path | None = None, ispconfig_directory: Path | None = None
) -> Snapshot:
    """Read a Postfix configuration.

    Args:
        config_directory: of the instance; None: postconf's default.
        ispconfig_directory: of ISPConfig; None: its usual directory, which is used for
            postconf's default instance only.

    Raises:
        PostfixError: Postfix is not installed, or the configuration can't be read.
    """
    if config_directory is None or ispconfig_directory is None:
        default = default_config_directory()
        if config_directory is None or config_directory.resolve() == default.resolve():
            ispconfig_directory = ispconfig_directory or ISPCONFIG
        directory = (config_directory or default).absolute()
    else:
        directory = config_directory.absolute()
    commands = PostfixCommands(directory)
    main_cf = read_text_file(directory / "main.cf")
    master_cf = read_text_file(directory / "master.cf")
    for file in (main_cf, master_cf):
        if file.text is None:
            msg = f"there is no {file.path}: name Postfix's directory with --config-directory"
            raise PostfixError(msg)
    expanded = commands.parameters(
        "-x",
        *_MAILBOX_TRANSPORTS,
        "compatibility_level",
        "mail_version",
        "multi_instance_directories",
        "non_smtpd_milters",
        "queue_directory",
        "smtpd_milters",
    )
    lines = _smtpd_lines(commands)
    elsewhere = {key: other for key, _, words in lines if (other := _other_directory(words))}
    return Snapshot(
        config_directory=directory,
        is_chosen=config_directory is not None,
        version=expanded["mail_version"],
        queue_directory=Path(expanded["queue_directory"]),
        multi_instance_directories=expanded["multi_instance_directories"],
        smtpd_milters=commands.parameters("smtpd_milters")["smtpd_milters"],
        main_chain=expanded["smtpd_milters"],
        non_smtpd_chain=expanded["non_smtpd_milters"],
        services=_smtpd_services(
            commands,
            [line for line in lines if line[0] not in elsewhere],
            expanded["compatibility_level"],
        ),
        elsewhere=elsewhere,
        main_cf=main_cf,
        master_cf=master_cf,
        ispconfig_custom=_ispconfig_custom(ispconfig_directory),
        mailbox_transports={name: expanded[name] for name in _MAILBOX_TRANSPORTS},
    )


def read_text_file(path: Path) -> TextFile:
    """Read a file byte for byte.

    Raises:
        PostfixError: it exists and can't be read.
    """
    try:
        path = path.resolve()
        return TextFile(path=path, text=read_octets(path).decode(errors="surrogateescape"))
    except FileNotFoundError:
        return TextFile(path=path, text=None)
    except OSError as exc:
        msg = f"{path} can't be read: {exc.strerror}"
        raise PostfixError(msg) from exc
    except RuntimeError as exc:  # of resolve(), before Python 3.13
        raise PostfixError(f"{path} can't be read: {exc}") from exc


def _ispconfig_custom(ispconfig_directory: Path | None) -> TextFile | None:
    if ispconfig_directory is None or not (ispconfig_directory / "server").is_dir():
        return None
    return read_text_file(ispconfig_directory / _CUSTOM)


_Line = tuple[str, str, Sequence[str]]
"""Of master.cf: the service's key, its field "chroot", and the words after its command."""


def _smtpd_lines(commands: PostfixCommands) -> list[_Line]:
    found: list[_Line] = []
    for line in commands.postconf("-M").splitlines():
        name, kind, _private, _unpriv, chroot, _wakeup, _maxproc, command = line.split()[:8]
        if command.rpartition("/")[2] == "smtpd":
            found.append((f"{name}/{kind}", chroot, split_braced(line)[8:]))
    return found


def _other_directory(words: Sequence[str]) -> str | None:
    """Return the argument of "-c" among the words after a command; None: there is none."""
    rest = iter(words)
    for word in rest:
        if word == "-o":
            next(rest, None)
        elif word.startswith("-c"):
            return word.removeprefix("-c") or next(rest, None)
    return None


def _smtpd_services(
    commands: PostfixCommands, lines: Iterable[_Line], compatibility_level: str
) -> tuple[SmtpdService, ...]:
    options: dict[str, dict[str, str]] = {}
    for path, value in commands.parameters("-P").items():
        key, _, name = path.rpartition("/")
        options.setdefault(key, {})[name] = value
    level = re.match(r"\d+", compatibility_level)
    is_chroot_default = level is not None and int(level[0]) < _CHROOT_DEFAULT_CHANGED
    effective: dict[tuple[str, ...], dict[str, str]] = {}
    found: list[SmtpdService] = []
    for key, chroot, _ in lines:
        own = options.get(key, {})
        words = tuple(word for option in own.items() for word in ("-o", "=".join(option)))
        if words not in effective:
            effective[words] = commands.parameters("-x", *words, *_EFFECTIVE)
        found.append(
            SmtpdService(
                key=key,
                is_chrooted=chroot == "y" or (chroot == "-" and is_chroot_default),
                options=own,
                effective=effective[words],
            )
        )
    return tuple(found)
