"""References to secrets are resolved, and an error never holds what they resolve to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from smista_mcp.errors import SecretError
from smista_mcp.providers.secrets import KEYRING_SERVICE, resolve_secret


class _Keyring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self, *, locked: bool = False) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = locked

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("sesame")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def ring() -> Iterator[_Keyring]:
    before, mine = keyring.get_keyring(), _Keyring()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMISTA_TEST_KEY", " sesame\n")
    assert resolve_secret("${env:SMISTA_TEST_KEY}") == "sesame"


def test_the_keyring(ring: _Keyring) -> None:
    keyring.set_password(KEYRING_SERVICE, "openai", "sesame")
    assert resolve_secret("${keyring:openai}") == "sesame"


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "key file"
    file.write_text("\ufeffsesame\n", encoding="utf-8")
    file.chmod(0o444)
    assert resolve_secret(f"${{file:{file}}}") == "sesame"
    assert resolve_secret("${file:~/key file}") == "sesame"


def test_a_text_may_mix_words_and_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMISTA_A", "a")
    monkeypatch.setenv("SMISTA_B", "${env:SMISTA_A}")
    assert resolve_secret("Bearer ${env:SMISTA_A}, ${env:SMISTA_B}") == "Bearer a, ${env:SMISTA_A}"


@given(st.text().filter(lambda text: "${" not in text))
def test_a_text_without_references_stays_as_it_is(text: str) -> None:
    assert resolve_secret(text) == text


@pytest.mark.parametrize(
    "reference",
    ["${env:}", "${env}", "${vault:x}", "${:x}", "${env:SMISTA_TEST_NONE", "x ${", "${ENV:PATH}", "${env:A${x}"],
)
def test_a_malformed_reference_is_an_error(reference: str) -> None:
    with pytest.raises(SecretError):
        resolve_secret(reference)


def test_what_is_not_there_is_named(tmp_path: Path, ring: _Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMISTA_TEST_NONE", raising=False)
    (tmp_path / "empty").write_text("\n")
    for reference in (
        "${env:SMISTA_TEST_NONE}",
        "${keyring:none}",
        f"${{file:{tmp_path / 'none'}}}",
        f"${{file:{tmp_path}}}",
        f"${{file:{tmp_path / 'empty'}}}",
        "${file:~nobody-of-that-name/x}",
        "${file:/etc\x00/x}",
    ):
        with pytest.raises(SecretError) as caught:
            resolve_secret(reference)
        assert reference in str(caught.value)


@pytest.mark.parametrize("content", [b"sesame\nsecond", b"ses\x00ame", b"\xff\xfesesame", b"sesame" * 20_000])
def test_a_file_that_holds_no_key_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SecretError) as caught:
        resolve_secret(f"${{file:{file}}}")
    assert "sesame" not in str(caught.value) + caught.value.hint


def test_a_file_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sesame")
    file.chmod(0o666)
    with pytest.raises(SecretError, match="written by anybody"):
        resolve_secret(f"${{file:{file}}}")


def test_a_locked_keyring_is_an_error_that_tells_nothing() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(_Keyring(locked=True))
    try:
        with pytest.raises(SecretError) as caught:
            resolve_secret("${keyring:openai}")
    finally:
        keyring.set_keyring(before)
    assert "sesame" not in str(caught.value)
