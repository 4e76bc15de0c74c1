"""The organisation's signed remote policy: what may be believed of it, and the last good one. Files only; no network.

The trusted file on this machine names it::

    [policy.remote]
    url = "https://policy.acme.example/smista.toml"
    public_key = "…"        # Ed25519, 32 bytes in base64
    max_age_hours = 72      # how long the last good one may be used without a newer look

At the URL stand the bytes of a policy file, and at ``<url>.sig`` the signature over exactly these bytes, in base64.
It is believed where

* the signature is the key's,
* it is a policy file that is right as TOML, and states ``serial`` and ``expires`` under ``[policy]``,
* its ``serial`` is not lower than that of the last good one,
* it has not expired, and was fetched no longer ago than ``max_age_hours``.

The last good one is kept, bytes and signature, and all of this is verified again whenever it is loaded. Where none is
good, `PolicyUntrustedError` is raised and nothing is delegated. The remote file is a further file of the
organisation's, below those on this machine (`smista_mcp.policy.remote_below`).

The limits: how long ago it was fetched is a note in the user's own state, which that user can change; ``expires`` is
signed, and is what ends an old edition for certain (by this machine's clock).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from smista_mcp.errors import PolicyUntrustedError
from smista_mcp.policy.document import MAX_BYTES, Document, parse
from smista_mcp.policy.findings import Severity, shown

SIGNATURE_BYTES: Final = 64
"""Of an Ed25519 signature (RFC 8032)."""
KEY_BYTES: Final = 32
"""Of an Ed25519 public key."""
LONGEST_SIGNATURE_FILE: Final = 1024
"""Bytes of the file that holds the signature: 88 of base64, and room for line ends."""
MAX_AGE_HOURS: Final = 72
"""How long the last good one may be used where the trusted file does not say: a long weekend."""
CLOCK_SKEW: Final = timedelta(minutes=5)
"""How far in the future a note of when something was fetched may lie."""

_LARGEST_NOTE: Final = 4096


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """Where the remote policy is and who signs it, as the trusted file says."""

    url: str
    public_key: bytes
    max_age: timedelta = timedelta(hours=MAX_AGE_HOURS)
    owner: str | None = None
    """Whom to ask: the trusted file's ``[policy] owner``."""

    @property
    def id(self) -> str:
        """What tells it from another: a short digest of address and key."""
        return hashlib.sha256(self.url.encode() + b"\0" + self.public_key).hexdigest()[:32]

    def refuse(self, why: str) -> PolicyUntrustedError:
        """The error where `why` completes the sentence "the organisation's remote policy … "."""
        who = shown(self.owner) if self.owner else "the administrator of this machine"
        hint = f"Ask {who}. Until then nothing is delegated."
        return PolicyUntrustedError(f"The organisation's remote policy {why} ({self.url}).", hint=hint)


@dataclass(frozen=True, slots=True)
class Kept:
    """The last good one, as it stands on disk. Believed only once `examine` has seen it."""

    content: bytes
    signature: bytes
    fetched_at: datetime


def source_of(documents: Iterable[Document]) -> RemoteSource | None:
    """What the organisation's files on this machine say of a remote policy; ``None``: nothing.

    Raises:
        PolicyUntrustedError: two of them say different things, or what they say is unusable.
    """
    files = tuple(documents)
    found: RemoteSource | None = None
    for document in files:
        stated = _table(document.data, "policy").get("remote")
        if stated is None:
            continue
        source = _source(stated if isinstance(stated, dict) else {}, _owner(files))
        if source is None:
            raise _unusable(document, "says where a remote policy is in a way that cannot be used")
        if found is not None and found != source:
            raise _unusable(document, "names another remote policy than the file before it")
        found = source
    return found


def load(source: RemoteSource, folder: Path | None, now: datetime) -> Document:
    """The last good remote policy.

    Args:
        folder: where it is kept; ``None``: nowhere.
        now: the present moment, aware.

    Raises:
        PolicyUntrustedError: there is none, or it is no longer good.
    """
    kept = None if folder is None else read_kept(source, folder)
    if kept is None:
        raise source.refuse("was never fetched, and could not be fetched now")
    document = examine(source, kept.content, kept.signature, now)
    if not -CLOCK_SKEW <= now - kept.fetched_at < source.max_age:
        hours = f"{source.max_age / timedelta(hours=1):g}"
        raise source.refuse(f"could not be fetched for more than {hours} hours")
    return document


def refuse_expired(documents: Iterable[Document], now: datetime) -> None:
    """Refuse the organisation's files on this machine where one of them says that its time is over.

    Raises:
        PolicyUntrustedError: one does.
    """
    files = tuple(documents)
    for document in files:
        expires = moment(_table(document.data, "policy").get("expires"))
        if expires is not None and now >= expires:
            raise _unusable(document, f"expired on {expires:%Y-%m-%d at %H:%M} UTC", _owner(files))


def accept(
    source: RemoteSource,
    folder: Path,
    content: bytes,
    signature: bytes,
    now: datetime,
    objection: Callable[[Document], str] = lambda _: "",
) -> Document:
    """Make what was just fetched the last good one.

    Args:
        objection: what else speaks against it, in words; a mistake in a new edition should not stop everybody while the
            old one is still good.

    Raises:
        PolicyUntrustedError: it may not be believed. What was kept before stays.
        OSError: it cannot be kept.
    """
    document = examine(source, content, signature, now)
    before = read_kept(source, folder)
    if before is not None and _is_signed(source, before.content, before.signature):
        # An expired one still says which edition was reached.
        reached, serial = _serial(parse(before.content, source.url)), _serial(document)
        if reached is not None and serial is not None and serial < reached:
            raise source.refuse(f"is edition {serial}, older than edition {reached}, which was seen before")
    if why := objection(document):
        raise source.refuse(f"cannot be used: {why}")
    _write(source, folder, Kept(content, signature, now))
    return document


def examine(source: RemoteSource, content: bytes, signature: bytes, now: datetime) -> Document:
    """The policy in `content`, where it may be believed at all.

    Raises:
        PolicyUntrustedError: it may not; why.
    """
    if len(content) > MAX_BYTES:
        raise source.refuse(f"is larger than {MAX_BYTES // 1024} KiB")
    if not _is_signed(source, content, signature):
        raise source.refuse("is not signed with the key of the trusted file")
    document = parse(content, source.url)
    broken = next((one for one in document.findings if one.severity is Severity.ERROR), None)
    if broken is not None:
        raise source.refuse(f"cannot be read: {broken.message}")
    if _serial(document) is None:
        raise source.refuse("states no `serial` under `[policy]`")
    expires = moment(_table(document.data, "policy").get("expires"))
    if expires is None:
        raise source.refuse("does not state under `[policy]` when it `expires`")
    if now >= expires:
        raise source.refuse(f"expired on {expires:%Y-%m-%d at %H:%M} UTC")
    return document


def read_kept(source: RemoteSource, folder: Path) -> Kept | None:
    """What is kept of `source`, whatever it is worth; ``None`` where there is nothing."""
    try:
        head, _, content = _read(folder / f"{source.id}.kept", MAX_BYTES + _LARGEST_NOTE).partition(b"\n")
        note = json.loads(head)
        signature = base64.b64decode(note["signature"], validate=True)
        fetched_at = datetime.fromisoformat(note["fetched_at"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Kept(content, signature, fetched_at) if fetched_at.tzinfo is not None else None


def decoded_signature(text: bytes) -> bytes:
    """The signature in the file beside the policy; empty where it is none."""
    try:
        found = base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
    return found if len(found) == SIGNATURE_BYTES else b""


def decoded_key(text: str) -> bytes | None:
    """The public key that `text` stands for, or ``None``."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == KEY_BYTES else None


def may_be_fetched(url: str) -> bool:
    """Whether `url` is one that a policy may be fetched from: https, or http on this machine's own loopback."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if parts.username is not None or parts.fragment or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"))


def moment(value: object) -> datetime | None:
    """The moment that ``expires`` states: an offset date-time of TOML's, or a text of the same form."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else None


def _source(stated: dict[str, Any], owner: str | None) -> RemoteSource | None:
    url, key, hours = stated.get("url"), stated.get("public_key"), stated.get("max_age_hours", MAX_AGE_HOURS)
    decoded = decoded_key(key) if isinstance(key, str) else None
    if not isinstance(url, str) or not may_be_fetched(url) or decoded is None:
        return None
    if not isinstance(hours, int) or isinstance(hours, bool) or hours < 1:
        return None
    return RemoteSource(url, decoded, timedelta(hours=hours), owner)


def _owner(documents: Iterable[Document]) -> str | None:
    stated = (_table(document.data, "policy").get("owner") for document in documents)
    return next((one for one in stated if isinstance(one, str) and one.strip()), None)


def _unusable(document: Document, why: str, owner: str | None = None) -> PolicyUntrustedError:
    who = shown(owner) if owner else "the administrator of this machine"
    hint = f"Ask {who} to put it right. Until then nothing is delegated."
    return PolicyUntrustedError(f"The organisation's policy may not be believed: {document.file} {why}.", hint=hint)


@lru_cache(maxsize=8)
def _verified(key: bytes, content: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _is_signed(source: RemoteSource, content: bytes, signature: bytes) -> bool:
    return len(signature) == SIGNATURE_BYTES and _verified(source.public_key, content, signature)


def _serial(document: Document) -> int | None:
    found = _table(document.data, "policy").get("serial")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _table(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def _read(path: Path, most: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError("too large")
    return data


def _write(source: RemoteSource, folder: Path, kept: Kept) -> None:
    """One file, a line of notes and then the policy's bytes, replaced at once or not at all."""
    note = {
        "url": source.url,
        "fetched_at": kept.fetched_at.isoformat(),
        "signature": base64.b64encode(kept.signature).decode("ascii"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.id}.kept"
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(note).encode() + b"\n" + kept.content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
