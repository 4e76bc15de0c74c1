"""Read every layer's files, hold them against the language, and merge them into the one policy that routing sees.

Organisation over workspace over user over built-in. A missing file of the first three is fine; one that is wrong is
not passed over, since a rule that silently does not apply is worse than a refusal.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smista_mcp import places as standard_places
from smista_mcp.errors import PolicyError, PolicyUntrustedError
from smista_mcp.policy.document import Document, parse
from smista_mcp.policy.findings import MAX_FINDINGS, Finding, Severity, enough, has_errors, shown
from smista_mcp.policy.meaning import KnownModel, duplicate_names, examine, world_of
from smista_mcp.policy.trust import OrganisationPlace, read_bounded
from smista_mcp.policy.types import Layer, Place, Policy

if TYPE_CHECKING:
    from smista_mcp.policy.remote import RemoteSource

__all__ = ["LoadedPolicy", "OrganisationPlace", "PolicyPlaces", "load_policy"]

_BUILTIN_FILE: Final = "default.toml"


@dataclass(frozen=True, slots=True)
class PolicyPlaces:
    """Where each layer's policy is: a place for the organisation's, a file for the others (``None``: there is none)."""

    organisation: OrganisationPlace
    workspace: Path | None
    user: Path | None
    builtin: Path
    state: Path | None = None
    """The folder in which it is remembered which editions of the organisation's policy were seen
    (`smista_mcp.policy.editions`) and the last good signed remote one is kept (`smista_mcp.policy.remote`)."""

    @property
    def remote(self) -> Path | None:
        """The folder of the last good remote policy."""
        return None if self.state is None else self.state / "remote-policy"

    @classmethod
    def standard(cls, workspace_root: Path) -> PolicyPlaces:
        """The places of this machine and user, for a step in the workspace at `workspace_root`."""
        return cls(
            organisation=OrganisationPlace.standard(),
            workspace=standard_places.workspace_policy(workspace_root),
            user=standard_places.user_policy(),
            builtin=standard_places.shipped_policies() / _BUILTIN_FILE,
            state=standard_places.state_dir(),
        )


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """The merged policy, and what is worth knowing about its files (warnings and notes; errors raise)."""

    policy: Policy
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file of a layer: what it says, and its tables where its shape is right. `layer` may be unknown."""

    layer: Layer | None
    document: Document
    tables: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything read at once, most trusted first, with everything found."""

    files: tuple[ReadFile, ...]
    findings: tuple[Finding, ...]
    untrusted: PolicyUntrustedError | None = None

    def of_layer(self, layer: Layer | None) -> tuple[Document, ...]:
        """The documents of one layer, in order."""
        return tuple(file.document for file in self.files if file.layer is layer)


def load_policy(
    places: PolicyPlaces, *, is_known_model: KnownModel | None = None, state_dir: Path | None = None
) -> LoadedPolicy:
    """Read and merge all layers.

    `is_known_model` says whether the catalog knows ``provider/model``; without it no model is called unknown. In
    `state_dir`, else in the places' own, it is remembered which editions of the organisation's policy were seen
    (`smista_mcp.policy.editions`); without either an older edition is not noticed.

    Raises:
        PolicyUntrustedError: the organisation's policy is there but may not be believed, is older than one seen
            before, or is missing although it is required.
        PolicyError: any file is wrong. Its findings are those of all files.
    """
    from smista_mcp.policy.merge import merge

    reading = read_places(places, is_known_model)
    if reading.untrusted is not None:
        raise PolicyUntrustedError(str(reading.untrusted), findings=reading.findings, hint=reading.untrusted.hint)
    if has_errors(reading.findings):
        raise _wrong(reading)
    policy, conflicts = merge(reading.files)
    findings = in_order((*reading.findings, *conflicts))
    if has_errors(findings):
        raise _wrong(Reading(reading.files, findings))
    state_dir = state_dir or places.state
    if state_dir is not None:
        remembered, usable = editions(places, reading, state_dir, keep=True)
        findings = in_order((*findings, *remembered))
        if not usable:
            raise PolicyUntrustedError(
                f"The organisation's policy may not be believed: {remembered[0].message}",
                findings=findings,
                hint=remembered[0].fix,
            )
    return LoadedPolicy(policy, findings)


def editions(
    places: PolicyPlaces, reading: Reading, state_dir: Path, *, keep: bool
) -> tuple[tuple[Finding, ...], bool]:
    """See `smista_mcp.policy.editions.judge`, for the organisation's files of `reading`."""
    from smista_mcp.policy.editions import judge

    directory = printable(str(places.organisation.directory))
    return judge(state_dir, directory, reading.of_layer(Layer.ORGANISATION), keep=keep)


def read_places(places: PolicyPlaces, is_known_model: KnownModel | None) -> Reading:
    """Read and check the files of all layers, without merging and without raising."""
    found: list[Finding] = []
    sources: list[tuple[Layer | None, Document]] = []
    untrusted: PolicyUntrustedError | None = None
    try:
        for document in _organisation(places):
            sources.append((Layer.ORGANISATION, document))
    except PolicyUntrustedError as error:
        untrusted = error
        place = Place(printable(str(places.organisation.directory)))
        found.append(Finding("untrusted", Severity.ERROR, place, str(error), error.hint))
    if places.workspace is not None:
        sources.extend(_optional(Layer.WORKSPACE, places.workspace, _workspace_name(places.workspace)))
    if places.user is not None:
        sources.extend(_optional(Layer.USER, places.user, _home_name(places.user)))
    builtin = read_file(places.builtin, f"built-in/{places.builtin.name}")
    if builtin is None:
        message = "The built-in policy is missing: this installation is not complete."
        builtin = _no_document(f"built-in/{places.builtin.name}", message, "Install smista-mcp again.")
    sources.append((Layer.BUILTIN, builtin))
    reading = understand(sources, is_known_model)
    return Reading(reading.files, in_order((*found, *reading.findings)), untrusted)


def remote_source(places: PolicyPlaces) -> RemoteSource | None:
    """Where the organisation's remote policy is to be fetched from; ``None``: it has none.

    Raises:
        PolicyUntrustedError: the organisation's own files may not be believed.
    """
    from smista_mcp.policy.remote import source_of

    return source_of(_on_this_machine(places))


def objection_to(places: PolicyPlaces, remote: Document) -> str:
    """What is wrong with a remote policy together with the organisation's files on this machine; empty: nothing.

    Raises:
        PolicyUntrustedError: those files may not be believed.
    """
    from smista_mcp.policy.merge import merge
    from smista_mcp.policy.remote_below import below

    local = _on_this_machine(places)
    reading = understand([(Layer.ORGANISATION, one) for one in (*local, below(local, remote))], None)
    findings = reading.findings if has_errors(reading.findings) else merge(reading.files)[1]
    return next((str(one) for one in findings if one.severity is Severity.ERROR), "")


def _on_this_machine(places: PolicyPlaces) -> tuple[Document, ...]:
    return tuple(parse(content, printable(name)) for name, content in places.organisation.read())


def _organisation(places: PolicyPlaces) -> Iterator[Document]:
    """The organisation's files: those on this machine, then the remote one.

    Raises:
        PolicyUntrustedError: one of them may not be believed, or has expired.
    """
    local = _on_this_machine(places)
    yield from local
    if not any(isinstance(one.data.get("policy"), dict) for one in local):
        return
    from smista_mcp.policy.remote import load, refuse_expired, source_of
    from smista_mcp.policy.remote_below import below

    moment = datetime.now(UTC)
    refuse_expired(local, moment)
    source = source_of(local)
    if source is not None:
        yield below(local, load(source, places.remote, moment))


def understand(sources: Iterable[tuple[Layer | None, Document]], is_known_model: KnownModel | None) -> Reading:
    """Hold documents against the schema and check what they mean, all with one view of what they define."""
    from smista_mcp.policy.shape import hold

    documents = tuple(sources)
    world = world_of(documents, is_known_model)
    files: list[ReadFile] = []
    found: list[Finding] = []
    for layer, document in documents:
        tables, misshapen = hold(document)
        files.append(ReadFile(layer, document, tables))
        own = (*document.findings, *misshapen, *enough(examine(document, layer, world)))
        found.extend(_capped(in_order(own), document.file))
    reading = Reading(tuple(files), ())
    layers = {file.layer for file in files if file.layer is not None}
    for layer in sorted(layers):
        found.extend(enough(duplicate_names(reading.of_layer(layer))))
    for document in reading.of_layer(None):  # files of no known layer stand each for itself
        found.extend(enough(duplicate_names((document,))))
    return Reading(reading.files, in_order(found))


def read_file(path: Path, name: str) -> Document | None:
    """The document at `path`, called `name` in findings; ``None`` where there is no such file. Never raises."""
    fix = "It must be a file that you may read."
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "its name is not a path"
        return _no_document(name, f"The file cannot be read: {why}.", fix)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _no_document(name, "This is not a regular file.", fix)
        return parse(read_bounded(descriptor), name)
    except OSError as error:
        return _no_document(name, f"The file cannot be read: {error.strerror}.", fix)
    finally:
        os.close(descriptor)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by line within its file; files stay in the order in which they appear."""
    once = dict.fromkeys(findings)
    files = {file: position for position, file in enumerate(dict.fromkeys(one.place.file for one in once))}
    return tuple(sorted(once, key=lambda one: (files[one.place.file], one.place.line)))


def printable(name: str) -> str:
    """A file's name as it may stand in a message: a name that is not text would break whatever prints it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)


def _optional(layer: Layer, path: Path, name: str) -> Iterator[tuple[Layer, Document]]:
    document = read_file(path, printable(name))
    if document is not None:
        yield layer, document


def _no_document(name: str, message: str, fix: str) -> Document:
    return Document(name, findings=(Finding("unreadable", Severity.ERROR, Place(name), message, fix),))


def _capped(findings: tuple[Finding, ...], file: str) -> tuple[Finding, ...]:
    if len(findings) <= MAX_FINDINGS:
        return findings
    errors_first = sorted(findings, key=lambda one: one.severity is not Severity.ERROR)[:MAX_FINDINGS]
    left = f"There are more than these {MAX_FINDINGS} findings."
    return (
        *errors_first,
        Finding("more_findings", Severity.INFO, Place(file), left, "Mend the first ones and check again."),
    )


def _workspace_name(path: Path) -> str:
    return "/".join(path.parts[-2:]) if path.parent.name == ".smista" else str(path)


def _home_name(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home()).as_posix()}"
    except (ValueError, RuntimeError):
        return str(path)


def _wrong(reading: Reading) -> PolicyError:
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    files = len({finding.place.file for finding in errors})
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    message = f"The policy cannot be used: {count} in {'one file' if files == 1 else f'{files} files'}."
    return PolicyError(message, findings=reading.findings, hint=_hint(reading, errors))


def _hint(reading: Reading, errors: list[Finding]) -> str:
    """Whom to ask: the owner of the file that is wrong where it names one, and how to see everything."""
    wrong = {finding.place.file for finding in errors}
    for file in reading.files:
        policy = file.document.data.get("policy")
        owner = policy.get("owner") if isinstance(policy, dict) else None
        if file.document.file in wrong and isinstance(owner, str) and owner.strip():
            return f"Run `smista-mcp check` to see everything; {file.document.file} belongs to {shown(owner)}."
    for file in reading.files:
        if file.layer is Layer.ORGANISATION and file.document.file in wrong:
            return "Run `smista-mcp check` to see everything, and ask the administrator of this machine."
    return "Run `smista-mcp check` to see everything."
