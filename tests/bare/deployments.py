"""What is tried of deploy/: the Ansible role, and the steps of the container images."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bare.howto import HowTo
from bare.machine import RELEASE, Machine
from bare.report import Report, TrialFailedError

_IMAGES = {"deploy/compose": "", "deploy/compose/postfix": "deploy/compose/postfix"}
"""Folders with a Dockerfile, and what their COPY begins at, in the order in which they are tried."""
_ANSIBLE = "ansible-core"
_PLAY = """\
ansible-playbook --inventory mail, --connection local --extra-vars ansible_become=false \\
  deploy/ansible/playbook.yml
"""
_PACK = "(cd deploy/ansible; tar -C /srv -czf sendlimit.tar.gz release)"
_UNCHANGED = re.compile(r"changed=0 .*failed=0")
_LISTED = "sendlimit limit list newsletter@example.org --json | grep '\"max\": 5000'"
_GROUP_ID = "POSTFIX_GID=905"
"""Free in the system, where the default may be some other group's."""
_START = """\
systemctl stop postfix
systemd-run --quiet --uid=sendlimit --setenv=PATH=/opt/sendlimit/bin:$PATH {sendlimit}
# Its log is what it prints, which must be a pipe, as in a container.
systemd-run --quiet sh -c '{postfix} | cat'
timeout 30 sh -c 'until /opt/sendlimit/bin/sendlimit check; do sleep 0.2; done'
timeout 30 sh -c 'until postfix status; do sleep 0.2; done'
"""
_SEND = """\
for n in 1 2 3; do
  swaks --server 127.0.0.1 --port 25 --auth PLAIN --auth-user alice@example.org \\
    --auth-password secret --from alice@example.org --to bob@example.net || true
done
"""


def packages_of(release: Path) -> set[str]:
    """Return the packages of Debian that the trials here install."""
    found = {_ANSIBLE, "swaks"}
    for folder in _IMAGES:
        for names in re.findall(r"apt-get install ([^&\n]+)", "\n".join(_steps(release, folder))):
            found |= {word for word in names.split() if not word.startswith("-")}
    return found


def try_role(machine: Machine, howto: HowTo, report: Report) -> None:
    """Let the playbook set a mail server up, twice: the second time it finds nothing to change.

    Raises:
        TrialFailedError: something did not work.
    """
    for heading in ("1.", "2."):
        for commands in howto.commands(heading):
            machine.run(commands)
    machine.run(f"apt-get install -y {_ANSIBLE}\n{_PACK}")
    report.timed("the playbook", lambda: machine.run(_PLAY))
    machine.run(f"{_LISTED}\nsendlimit postfix status\nsystemctl is-active sendlimit")
    if not _UNCHANGED.search(machine.run(_PLAY)):
        msg = "the playbook changes what it has set up already"
        raise TrialFailedError(msg)
    report.say("the playbook again: nothing to change")


def try_images(machine: Machine, release: Path, report: Report) -> None:
    """Do what the Dockerfiles say, side by side in one system, and send mail up to a limit.

    Raises:
        TrialFailedError: something did not work.
    """
    for folder in _IMAGES:
        steps = "\n".join(_steps(release, folder))
        report.timed(f"{folder}/Dockerfile", partial(machine.run, steps))
    machine.run("sed -i 's/= 100$/= 2/' /etc/sendlimit/sendlimit.toml; apt-get install -y swaks")
    sendlimit, postfix = (_command(release, folder) for folder in _IMAGES)
    machine.run(_START.format(sendlimit=sendlimit, postfix=postfix))
    sent = machine.run(_SEND)
    passed, refused = sent.count("Ok: queued as"), sent.count("<** 450 ")
    report.say(f"the containers' Postfix and sendlimit: {passed} mails passed, {refused} refused")
    if (passed, refused) != (2, 1):
        msg = "the containers' Postfix: two mails pass and the third is refused: this was not so"
        raise TrialFailedError(msg)


def _instructions(release: Path, folder: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, each with its words."""
    text = (release / folder / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE)


def _steps(release: Path, folder: str) -> Iterator[str]:
    """Yield the shell commands that building an image is; without a network apt's lists stay."""
    for instruction, words in _instructions(release, folder):
        if instruction == "RUN":
            yield re.sub(r"apt-get update +&&|&& rm -rf /var/lib/apt/lists/\*", "", words)
        elif instruction == "ARG":
            yield _GROUP_ID
        elif instruction == "WORKDIR":
            yield f"cd {words}"
        elif instruction == "COPY" and not words.startswith("--from"):
            source, target = words.split()
            yield f"install -d $(dirname {target})"
            yield f"cp -r {Path(RELEASE, _IMAGES[folder], source)} {target}"


def _command(release: Path, folder: str) -> str:
    """Return what the container runs, as shell words."""
    return shlex.join(json.loads(dict(_instructions(release, folder))["CMD"]))
