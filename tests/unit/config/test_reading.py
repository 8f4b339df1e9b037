"""Reading the config file: each broken one gives its sentence, and no secret is shown."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sendlimit.config import Config
from sendlimit.config.listing import keys
from sendlimit.config.reading import DEFAULT_PATH, default_path, load, read_password
from sendlimit.errors import ConfigError

_BAD_CONFIGS = sorted((Path(__file__).parents[2] / "bad_configs").iterdir())
_SECRET = "SECRET"


def _write(folder: Path, text: str, mode: int = 0o640) -> Path:
    path = folder / "sendlimit.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def _problems(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert caught.value.exit_code == 2
    return caught.value.problems


@pytest.mark.parametrize("folder", _BAD_CONFIGS, ids=lambda folder: folder.name)
def test_broken_file_gives_its_sentences(folder: Path, tmp_path: Path) -> None:
    """Every problem of the file is reported at once: file, key, what is wrong, what is allowed."""
    path = tmp_path / "sendlimit.toml"
    path.write_bytes((folder / "sendlimit.toml").read_bytes())
    path.chmod(0o644)
    expected = (folder / "expected").read_text().splitlines()

    problems = [problem.replace(str(path), "sendlimit.toml") for problem in _problems(path)]

    assert sorted(expected) == sorted(problems)
    assert not any(_SECRET[:3] in problem for problem in problems)


def test_every_key_is_wrong_in_a_broken_file() -> None:
    """Each key of the file stands with a wrong value in one of the broken files, and its sentence names it."""
    sentences = "".join((folder / "expected").read_text() for folder in _BAD_CONFIGS)
    for entry in keys():
        name = re.escape(entry.key).replace(r'"\.\.\."', r'"[^"]+"')
        assert re.search(rf"^sendlimit\.toml: {name}(\.\d+)?: ", sentences, re.MULTILINE), entry.key


def test_missing_file(tmp_path: Path) -> None:
    """A file that isn't there is named with the reason."""
    path = tmp_path / "none.toml"

    assert _problems(path) == [f"{path}: can't be read: No such file or directory"]


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    """A file that the system won't open is named with the system's reason."""
    path = tmp_path / "sendlimit.toml"
    path.symlink_to(path)

    assert _problems(path) == [f"{path}: can't be read: Too many levels of symbolic links"]


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    """A folder is no config file."""
    assert _problems(tmp_path) == [f"{tmp_path}: can't be read: Is a directory"]


def test_empty_file_is_the_defaults(tmp_path: Path) -> None:
    """Every key has a default; nothing is limited then."""
    config = load(_write(tmp_path, ""))

    assert config == Config()
    assert config.settings() == []


def test_default_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """$SENDLIMIT_CONFIG goes before /etc; an empty one is none."""
    monkeypatch.setenv("SENDLIMIT_CONFIG", "/x/y.toml")
    assert default_path() == Path("/x/y.toml")
    monkeypatch.setenv("SENDLIMIT_CONFIG", "")
    assert default_path() == DEFAULT_PATH


_URL = 'store.url = "mariadb://u:SECRET@h/d"\n'


def test_password_in_the_url_of_a_private_file(tmp_path: Path) -> None:
    """A file that only its owner and group can read may hold the password."""
    path = _write(tmp_path, _URL)

    assert read_password(load(path), path) == _SECRET


def test_password_in_the_url_of_a_world_readable_file(tmp_path: Path) -> None:
    """The same file readable for every user is refused, with the remedy."""
    (problem,) = _problems(_write(tmp_path, _URL, 0o644))

    assert "store.url: holds a password and every local user can read the file" in problem
    assert "chmod o=" in problem


def _with_password_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    secret = folder / "store.password"
    secret.write_bytes(content)
    secret.chmod(mode)
    return _write(folder, f'store.url = "mariadb://u@h/d"\nstore.password_file = "{secret}"\n')


@pytest.mark.parametrize(
    ("content", "password"),
    [
        pytest.param(b"pass word", "pass word", id="no line end"),
        pytest.param(b"s3cret\n", "s3cret", id="line end"),
        pytest.param(b"s3cret\r\nsecond line\n", "s3cret", id="first line only"),
        pytest.param("schlüssel\n".encode(), "schlüssel", id="UTF-8"),
        pytest.param(b" s3cret \n", " s3cret ", id="blanks belong to it"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_password_file(tmp_path: Path, content: bytes, password: str) -> None:
    """The password is the first line of its file."""
    path = _with_password_file(tmp_path, content)

    assert password == read_password(load(path), path)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_world_readable_password_file_is_refused(tmp_path: Path, mode: int) -> None:
    """A password that every local user can read is no password."""
    path = _with_password_file(tmp_path, b"SECRET\n", mode)

    with pytest.raises(
        ConfigError, match=r"store\.password_file: every local user can read .* run 'chmod o= "
    ) as caught:
        read_password(load(path), path)
    assert _SECRET not in str(caught.value)


def test_password_file_that_is_missing(tmp_path: Path) -> None:
    """A missing password file is named with its key and the reason."""
    path = _with_password_file(tmp_path, b"")
    (tmp_path / "store.password").unlink()

    with pytest.raises(ConfigError, match=r"store\.password_file: .* can't be read: No such file"):
        read_password(load(path), path)


def test_password_file_that_is_no_text(tmp_path: Path) -> None:
    """A password file that is not UTF-8 is named, not shown."""
    path = _with_password_file(tmp_path, b"\xff\xfe")

    with pytest.raises(ConfigError, match=r"store\.password_file: .* it is not UTF-8"):
        read_password(load(path), path)


def test_password_from_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a password_file a systemd credential is used, if there is one."""
    path = _write(tmp_path, 'store.url = "mariadb://u@h/d"\n')
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_password(load(path), path) == ""

    credential = tmp_path / "store.password"
    credential.touch(0o400)
    credential.chmod(0o600)
    credential.write_text("from systemd\n")
    assert read_password(load(path), path) == "from systemd"


def test_sqlite_needs_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded default has none, and looks at no credential."""
    path = _write(tmp_path, "")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "store.password").mkdir()

    assert read_password(load(path), path) == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=200))
def test_any_bytes_are_a_config_or_a_sentence(tmp_path: Path, content: bytes) -> None:
    """Whatever is in the file: it is loaded, or refused with a sentence that names it."""
    path = tmp_path / "sendlimit.toml"
    path.write_bytes(content)
    problems: list[str] = []
    try:
        load(path)
    except ConfigError as error:
        problems = error.problems
    assert all(problem.startswith(f"{path}: ") for problem in problems)


_SCALARS = st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.floats())
_VALUES = st.recursive(_SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=5), inner, max_size=2)), max_leaves=4)  # fmt: skip
_KEYS = sorted(Config.model_fields)


@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=3))
def test_any_values_are_a_config_or_a_sentence(document: dict[str, object]) -> None:
    """No value of any type under any key raises anything but the one documented error."""
    try:
        Config.model_validate(document)
    except ValidationError:
        return


def test_socket_path_that_is_too_long(tmp_path: Path) -> None:
    """A path that the system can't make a socket of is refused with the length that it may have."""
    file = tmp_path / "sendlimit.toml"
    file.write_text(f'[milter]\nsocket = "unix:/{"d" * 103}"\n')

    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.problems == [
        f"{file}: milter.socket: has a path that is too long; allowed: 103 bytes"
    ]


def test_nested_too_deep(tmp_path: Path) -> None:
    """Tables in tables without end are a problem of the file, not a fault."""
    path = tmp_path / "sendlimit.toml"
    path.write_text("x = " + "[" * 5000)

    (problem,) = _problems(path)

    assert problem.startswith(f"{path}: is not TOML: ")
