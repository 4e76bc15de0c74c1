"""Attacks on the files themselves: broken, swapped, enormous. A policy that cannot be believed refuses everything."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError
from smista_mcp.facts.types import Step
from smista_mcp.policy.document import MAX_BYTES
from tests.attacks.ground import CANARY, Ground

GOOD = '[policy]\nowner = "platform@acme.example"\n[privacy]\nrestricted_paths = ["secrets/**"]\n'


def _world_writable(path: Path) -> None:
    path.chmod(0o666)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.toml"))
    path.symlink_to("elsewhere.toml")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o644)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _broken(path: Path) -> None:
    path.write_text(GOOD + "[[guardrails]\n")


def _unknown_key(path: Path) -> None:
    path.write_text(GOOD + "[privacy2]\n")


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def _huge(path: Path) -> None:
    path.write_bytes(GOOD.encode() + b"#" * MAX_BYTES)


def _endless_sparse(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(1 << 40)


def _deep(path: Path) -> None:
    path.write_text(GOOD + "[tests]\nx = " + "[" * 100_000)


def _deep_key(path: Path) -> None:
    path.write_text(GOOD + ".".join(["a"] * 100_000) + " = 1\n")


def _writable_folder(path: Path) -> None:
    path.parent.chmod(0o777)


def _linked_folder(path: Path) -> None:
    moved = path.parent.with_name("moved")
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


SPOILT = [
    _world_writable, _link, _pipe, _device, _folder, _broken, _unknown_key, _binary, _huge, _endless_sparse, _deep,
    _deep_key, _writable_folder, _linked_folder,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILT, ids=[one.__name__.strip("_") for one in SPOILT])
async def test_spoiling_the_organisations_file_refuses_everything_and_says_whom_to_ask(
    ground: Ground, spoil: Callable[[Path], None]
) -> None:
    spoil(ground.organisation(GOOD))
    async with ground.engine() as engine:
        for way in (engine.preview, engine.delegate):
            with pytest.raises(PolicyError) as caught:
                await way(Step(f"Say {CANARY}"))
            assert "administrator" in caught.value.hint or "platform@acme.example" in caught.value.hint
    assert ground.nothing_left()
    assert not ground.cloud.connections, "nobody was even asked what they serve"


async def test_spoiling_one_drop_in_refuses_everything(ground: Ground) -> None:
    ground.organisation(GOOD)
    ground.organisation("[overrides]\nallow = false\n", "policy.d/10.toml").chmod(0o646)
    await ground.attack(Step(f"Say {CANARY}"))
    assert ground.nothing_left()


@pytest.mark.parametrize("spoil", [_pipe, _device, _folder, _broken, _huge, _endless_sparse, _deep, _deep_key],
                         ids=lambda one: one.__name__.strip("_"))  # fmt: skip
@pytest.mark.parametrize("layer", ["repository", "user"])
async def test_spoiling_another_layers_file_hangs_nothing_and_refuses(
    ground: Ground, layer: str, spoil: Callable[[Path], None]
) -> None:
    spoil(ground.repository(GOOD) if layer == "repository" else ground.user(GOOD))
    await ground.attack(Step(f"Say {CANARY}"))
    assert ground.nothing_left()


async def test_a_repositorys_policy_that_is_a_link_to_another_file_says_what_that_file_says(ground: Ground) -> None:
    (ground.root / "home" / "other.toml").write_text("[overrides]\nallow = false\nnonsense = 1\n")
    ground.put(".smista/x")
    (ground.workspace / ".smista" / "policy.toml").symlink_to(ground.root / "home" / "other.toml")
    await ground.attack(Step(f"Say {CANARY}"))
    assert ground.nothing_left()


LARGE = {
    "rules": '[[routing.rules]]\nname = "r{0}"\npaths = ["**/*{0}*/**"]\nmodel = "ollama/m{0}"\n',
    "guardrails": '[[guardrails]]\nname = "g{0}"\npaths = ["*a*{0}*"]\nrequire = {{ local = true }}\n',
    "errors": '[[routing.rules]]\nnam = "{0}"\n',
    "groups": '[groups.g{0}]\nmodels = ["ollama/m{0}"]\n',
    "tables": '[a{0}.b]\nc = 1\n',
    "strings": '[[routing.rules]]\nname = "{0}' + "x" * 4000 + '"\nmodel = "ollama/a"\n',
}  # fmt: skip


@pytest.mark.parametrize("piece", LARGE.values(), ids=LARGE)
async def test_a_policy_as_large_as_may_be_takes_bounded_memory(ground: Ground, piece: str) -> None:
    text = ""
    pieces = []
    number = size = 0
    while size < MAX_BYTES // 4 and number < 1000:
        text = piece.format(number)
        pieces.append(text)
        size += len(text)
        number += 1
    ground.repository("".join(pieces))
    ground.organisation('[privacy]\nrestricted_paths = ["secrets/**"]\n')
    ground.put("secrets/key")
    tracemalloc.start()
    try:
        await ground.attack(Step("Say", paths=("secrets/key",)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not ground.cloud.canary
    assert most < 400 * 1024 * 1024


async def test_swapping_the_organisations_file_for_a_link_while_steps_run(ground: Ground) -> None:
    path = ground.organisation(GOOD)
    ground.put("secrets/key")
    lax = ground.root / "lax.toml"
    lax.write_text("[overrides]\nallow = true\n")
    stop = threading.Event()

    def swap() -> None:
        fresh = path.with_name("fresh")
        while not stop.is_set():
            fresh.symlink_to(lax)
            fresh.replace(path)
            fresh.write_text(GOOD)
            fresh.chmod(0o644)
            fresh.replace(path)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(25):
            await ground.attack(Step("Summarize", paths=("secrets/key",)))
    finally:
        stop.set()
        thread.join()
    assert not ground.cloud.canary


async def test_putting_an_older_edition_back(ground: Ground) -> None:
    ground.organisation('[policy]\nserial = 8\nowner = "platform@acme.example"\n[overrides]\nallow = false\n')
    async with ground.engine() as engine:
        await engine.preview(Step("Say hello"))
    for older in ("serial = 7", ""):
        ground.organisation(f'[policy]\nowner = "platform@acme.example"\n{older}\n')
        async with ground.engine() as engine:
            with pytest.raises(PolicyError, match="edition 8 was seen here before") as caught:
                await engine.delegate(Step(f"Say {CANARY}"))
            assert "platform@acme.example" in caught.value.hint
    assert ground.nothing_left()


async def test_removing_a_policy_that_is_required(ground: Ground) -> None:
    path = ground.organisation('[policy]\nrequired = true\nowner = "platform@acme.example"\n')
    async with ground.engine() as engine:
        await engine.preview(Step("Say hello"))
    path.unlink()
    async with ground.engine() as engine:
        with pytest.raises(PolicyError, match="required") as caught:
            await engine.delegate(Step(f"Say {CANARY}"))
        assert "platform@acme.example" in caught.value.hint
    assert ground.nothing_left()
