"""Turning references to secrets into the secrets, at the moment of a call and no earlier.

======================  ================================================================================
``${env:NAME}``         the environment variable NAME
``${keyring:NAME}``     the password of user NAME for the service ``smista-mcp`` in the system's keyring
``${file:PATH}``        the one line in the file at PATH (``~`` is the user's home)
======================  ================================================================================

A file that others may *write* is refused, because whoever writes it chooses with which account the work is done. One
that others may only read is accepted: container platforms mount secrets readable by all (mode 0444), and on a shared
machine its owner is the one to say who may read it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from smista_mcp.errors import SecretError

KEYRING_SERVICE: Final = "smista-mcp"
"""The service name under which keys are kept in the system's keyring."""

_REFERENCE: Final = re.compile(r"\$\{(?P<kind>[^:{}]*):?(?P<name>[^{}]*)\}|\$\{")
_GREATEST_FILE: Final = 64 * 1024
"""Bytes; far more than any key has."""


def resolve_secret(reference: str) -> str:
    """`reference` with every ``${…}`` in it replaced by what it refers to.

    A text may mix words and references (``Bearer ${env:TOKEN}``); one without any comes back as it is. The surrounding
    white space of what a reference yields is dropped.

    May block: a keyring can ask its user for leave. Call it from a thread where that matters.

    Raises:
        SecretError: a reference is malformed or yields nothing. Its message names the reference, never a value.
    """
    return _REFERENCE.sub(_resolve, reference)


def _resolve(match: re.Match[str]) -> str:
    reference, kind, name = match.group(), match.group("kind"), match.group("name")
    readers = {"env": _from_environment, "keyring": _from_keyring, "file": _from_file}
    if kind not in readers or not name:
        raise SecretError(
            f"{reference} is not a reference to a secret",
            hint="Write ${env:NAME}, ${keyring:NAME} or ${file:PATH}.",
        )
    value = readers[kind](reference, name).strip()
    if not value:
        raise SecretError(f"{reference} is empty", hint="Give it a value, or take the reference out of the policy.")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        raise SecretError(f"{reference} holds more than one line, or control characters, and so is no key")
    return value


def _from_environment(reference: str, name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise SecretError(
            f"{reference} is not set",
            hint=f"Set the environment variable {name} for this server; a host agent may pass on only some of them.",
        )
    return value


def _from_keyring(reference: str, name: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    hint = f"Store it with: keyring set {KEYRING_SERVICE} {name}"
    try:
        value = keyring.get_password(KEYRING_SERVICE, name)
    except KeyringError as error:
        raise SecretError(f"{reference}: no keyring can be used here ({type(error).__name__})", hint=hint) from None
    if value is None:
        raise SecretError(f"{reference} is not in the keyring", hint=hint)
    return value


def _from_file(reference: str, name: str) -> str:
    try:
        path = Path(name).expanduser()
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretError(f"{reference} is not a regular file")
            if os.name == "posix" and status.st_mode & stat.S_IWOTH:
                raise SecretError(f"{reference} may be written by anybody", hint=f"chmod o-w {name}")
            content = file.read(_GREATEST_FILE + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "it has no usable path"
        raise SecretError(f"{reference} cannot be read: {reason}", hint=f"Check the path {name}.") from None
    if len(content) > _GREATEST_FILE:
        raise SecretError(f"{reference} is too large to hold a key")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SecretError(f"{reference} is not text in UTF-8") from None
