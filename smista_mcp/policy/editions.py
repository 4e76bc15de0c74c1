"""Which editions of the organisation's policy were seen here: an older one must not come back, nor a required one go.

What was seen is kept in a file of the user's own state. So this finds an old file that was put back by mistake, by a
backup or by a tool that distributes files; it does not stop a user who deletes the record. That user cannot write the
policy either way.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from smista_mcp.policy.document import Document
from smista_mcp.policy.findings import Finding, Severity, shown
from smista_mcp.policy.types import Place

RECORD: Final = "policy-editions.json"
"""The record's name within the state directory."""

_LARGEST: Final = 1 << 20
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class _Record:
    """The highest serial seen of each file, and in which folders a policy is required, with whom to ask about it."""

    serials: Mapping[str, int] = field(default_factory=dict)
    required: Mapping[str, str] = field(default_factory=dict)


def judge(
    state_dir: Path, directory: str, documents: Iterable[Document], *, keep: bool
) -> tuple[tuple[Finding, ...], bool]:
    """Hold the organisation's files against what was seen before; what they say is remembered where `keep` is set.

    Args:
        state_dir: where the record is kept; made where it is missing.
        directory: the organisation's folder, as it may stand in a message.
        documents: its files, right in themselves; none where there is no such policy.
        keep: whether to remember what is seen now. Nothing is remembered where something is wrong.

    Returns:
        What is wrong or worth knowing, and whether the policy may be used. Never raises.
    """
    files = tuple(documents)
    path = state_dir / RECORD
    record, findings = _read(path)
    wrong = [*_fallen(files, record), *_missing(files, record, directory)]
    if not wrong and keep:
        findings.extend(_write(path, record, _seen(files, record, directory)))
    return (*wrong, *findings), not wrong


def _fallen(files: Iterable[Document], record: _Record) -> list[Finding]:
    found: list[Finding] = []
    for document in files:
        seen, serial = record.serials.get(document.file), _policy(document).get("serial")
        if seen is None or (isinstance(serial, int) and serial >= seen):
            continue
        now = f"This is edition {serial}" if serial is not None else "This states no `serial`"
        message = f"{now}, but edition {seen} was seen here before."
        fix = f"Ask {_whom(document)} for the present edition. Until then nothing is delegated."
        found.append(Finding("older_edition", Severity.ERROR, document.place(("policy", "serial")), message, fix))
    return found


def _missing(files: tuple[Document, ...], record: _Record, directory: str) -> list[Finding]:
    if files or directory not in record.required:
        return []
    owner = record.required[directory]
    message = "The organisation's policy says that it is required, and it is not there any more."
    fix = f"Ask {shown(owner) if owner else 'the administrator of this machine'} to put it back."
    return [Finding("required_missing", Severity.ERROR, Place(directory), message, fix)]


def _seen(files: tuple[Document, ...], record: _Record, directory: str) -> _Record:
    serials = dict(record.serials)
    for document in files:
        serial = _policy(document).get("serial")
        if isinstance(serial, int):
            serials[document.file] = max(serial, serials.get(document.file, serial))
    required = dict(record.required)
    binding = next((one for one in files if _policy(one).get("required") is True), None)
    if binding is not None:
        required[directory] = str(_policy(binding).get("owner", ""))
    elif files:  # the policy itself says so no longer
        required.pop(directory, None)
    return _Record(serials, required)


def _policy(document: Document) -> dict[str, Any]:
    found = document.data.get("policy")
    return found if isinstance(found, dict) else {}


def _whom(document: Document) -> str:
    owner = _policy(document).get("owner")
    return shown(owner) if isinstance(owner, str) and owner.strip() else "the administrator of this machine"


def _read(path: Path) -> tuple[_Record, list[Finding]]:
    try:
        with path.open("rb") as file:
            data = json.loads(file.read(_LARGEST))
        serials = {str(name): int(serial) for name, serial in data["serials"].items()}
        required = {str(name): str(owner) for name, owner in data["required"].items()}
        return _Record(serials, required), []
    except FileNotFoundError:
        return _Record(), []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        message = "The record of the editions that were seen cannot be read; it begins anew."
        fix = "Nothing to do, unless somebody may have spoiled it on purpose: compare the policy's serial."
        return _Record(), [Finding("editions_unknown", Severity.WARNING, Place(str(path)), message, fix)]


def _write(path: Path, before: _Record, after: _Record) -> list[Finding]:
    """Replace the record at once or not at all; two processes that write leave the one or the other."""
    if after == before:
        return []
    data = {"version": _VERSION, "serials": dict(after.serials), "required": dict(after.required)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{RECORD}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(data, file, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        message = f"The edition of the policy cannot be remembered: {error.strerror}."
        fix = "An older edition would not be noticed. Make the folder writable."
        return [Finding("editions_unknown", Severity.WARNING, Place(str(path)), message, fix)]
    return []
