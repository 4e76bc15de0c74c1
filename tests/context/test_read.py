"""Nothing outside the workspace is opened, whatever happens between looking and opening."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from smista_mcp.context.read import (
    WALKS_BY_DESCRIPTOR,
    EntryKind,
    NotReadableError,
    PathTree,
    Tree,
    open_tree,
)
from smista_mcp.context.workspace import read_context
from smista_mcp.facts.types import Exclusion
from tests.context.conftest import CANARY

Lay = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture(params=["descriptor", "path"])
def opened(request: pytest.FixtureRequest) -> Callable[[Path], Tree]:
    """Both ways of opening: by descriptor, and by path as on systems that cannot do the first."""

    def by(root: Path) -> Tree:
        if request.param == "path":
            return PathTree(os.path.realpath(root))
        assert WALKS_BY_DESCRIPTOR
        context = open_tree(root)
        request.addfinalizer(lambda: context.__exit__(None, None, None))
        return context.__enter__()

    return by


Opened = Callable[[Path], Tree]


def test_a_file_is_read_up_to_a_limit_and_its_size_told(lay: Lay, opened: Opened) -> None:
    tree = opened(lay({"a/b/c.txt": "0123456789"}))
    assert tree.read("a/b/c.txt", 100).data == b"0123456789"
    cut = tree.read("a/b/c.txt", 4)
    assert (cut.data, cut.size) == (b"0123", 10)
    assert tree.read("a/b/c.txt", 10).size == 10


def test_a_directory_is_listed_by_name_with_links_as_links(lay: Lay, opened: Opened) -> None:
    root = lay({"b": "", "a/x": ""})
    (root / "link").symlink_to("a")
    os.mkfifo(root / "pipe")
    kinds = [(entry.name, entry.kind) for entry in opened(root).entries("")]
    assert kinds == [
        ("a", EntryKind.DIRECTORY),
        ("b", EntryKind.FILE),
        ("link", EntryKind.LINK),
        ("pipe", EntryKind.SPECIAL),
    ]


def test_links_are_refused_at_every_place_of_a_path(lay: Lay, workspace: Path, opened: Opened) -> None:
    lay({"real/a": "a"})
    (workspace / "out").symlink_to("../outside")
    (workspace / "file").symlink_to("../outside/canary.txt")
    (workspace / "in").symlink_to("real")
    tree = opened(workspace)
    for path in ("out/canary.txt", "out/deep/canary.txt", "file", "in/a"):
        with pytest.raises(NotReadableError) as caught:
            tree.read(path, 100)
        assert caught.value.link
    for path in ("out", "in", "out/deep"):
        with pytest.raises(NotReadableError):
            tree.entries(path)


@pytest.mark.parametrize("path", ["../outside/canary.txt", "a/../../outside/canary.txt", "./a"])
def test_steps_upwards_are_refused(lay: Lay, opened: Opened, path: str) -> None:
    tree = opened(lay({"a": "a"}))
    with pytest.raises(NotReadableError):
        tree.read(path, 100)


def test_pipes_sockets_devices_and_directories_are_refused_without_waiting(lay: Lay, opened: Opened) -> None:
    root = lay({"folder/x": ""})
    os.mkfifo(root / "pipe")
    tree = opened(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        for name in ("pipe", "socket", "folder"):
            with pytest.raises(NotReadableError) as caught:
                tree.read(name, 100)
            assert caught.value.reason is Exclusion.UNREADABLE
    with pytest.raises(NotReadableError) as missing:
        tree.read("folder/y", 100)
    assert missing.value.reason is Exclusion.MISSING


def test_a_name_with_odd_bytes_is_read_as_it_is(workspace: Path, opened: Opened) -> None:
    name = os.fsdecode(b"odd-\xff")
    (workspace / name).write_bytes(b"x")
    tree = opened(workspace)
    assert [entry.name for entry in tree.entries("")] == [name]
    assert tree.read(name, 10).data == b"x"


def test_swapping_a_folder_for_a_link_never_lets_the_canary_in(lay: Lay, workspace: Path, opened: Opened) -> None:
    lay({"swap/canary.txt": "inside", "parked/canary.txt": "inside"})
    (workspace / "evil").symlink_to("../outside")
    tree = opened(workspace)
    stop = threading.Event()
    swap, aside, evil = workspace / "swap", workspace / "aside", workspace / "evil"

    def swapper() -> None:
        while not stop.is_set():
            swap.rename(aside)
            evil.rename(swap)
            swap.rename(evil)
            aside.rename(swap)

    thread = threading.Thread(target=swapper)
    thread.start()
    outcomes: set[str] = set()
    try:
        for _ in range(3000):
            try:
                outcomes.add(tree.read("swap/canary.txt", 100).data.decode())
            except NotReadableError as error:
                outcomes.add(error.reason)
    finally:
        stop.set()
        thread.join()
    assert CANARY not in outcomes
    assert tree.read("swap/canary.txt", 100).data == b"inside"


def test_swapping_a_file_for_a_link_never_lets_the_canary_in(lay: Lay, workspace: Path) -> None:
    lay({"a.txt": "inside"})
    target, link = workspace / "a.txt", workspace / "link.tmp"
    stop = threading.Event()

    def swapper() -> None:
        while not stop.is_set():
            link.symlink_to("../outside/canary.txt")
            link.replace(target)
            (workspace / "new.tmp").write_text("inside")
            (workspace / "new.tmp").replace(target)

    thread = threading.Thread(target=swapper)
    thread.start()
    outcomes: set[str] = set()
    try:
        for _ in range(400):
            material = read_context(workspace, ["a.txt"], restricted=["nothing"])
            outcomes.update(file.text for file in material.files)
            outcomes.update(file.reason for file in material.plan.excluded)
            if any(file.reason is Exclusion.OUTSIDE for file in material.plan.excluded):
                assert material.restricted == ("a.txt",)
    finally:
        stop.set()
        thread.join()
    assert CANARY not in outcomes
    assert [file.text for file in read_context(workspace, ["a.txt"]).files] == ["inside"]


@pytest.mark.parametrize("restored", [True, False])
def test_a_link_put_in_place_at_the_last_moment_is_not_followed(
    lay: Lay, workspace: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch, restored: bool
) -> None:
    """The worst moment: between looking at the file and opening it, and gone again before anybody looks."""
    lay({"folder/canary.txt": "inside"})
    tree, real_open = opened(workspace), os.open
    folder, aside = workspace / "folder", workspace / "aside"
    by_path = isinstance(tree, PathTree)

    def at_the_last_moment(path: str, flags: int, *rest: int, dir_fd: int | None = None) -> int:
        if not path.endswith("canary.txt"):
            return real_open(path, flags, *rest, dir_fd=dir_fd)
        if by_path:
            folder.rename(aside)
            folder.symlink_to("../outside")
        else:
            (folder / "canary.txt").rename(aside)
            (folder / "canary.txt").symlink_to("../../outside/canary.txt")
        try:
            return real_open(path, flags, *rest, dir_fd=dir_fd)
        finally:
            if restored:
                swapped = folder if by_path else folder / "canary.txt"
                swapped.unlink()
                aside.rename(swapped)

    monkeypatch.setattr(os, "open", at_the_last_moment)
    with pytest.raises(NotReadableError):
        tree.read("folder/canary.txt", 100)


def test_descriptors_are_given_back(lay: Lay, workspace: Path) -> None:
    lay({f"d{number}/e/f.txt": "x" for number in range(20)})
    (workspace / "out").symlink_to("../outside")

    def held() -> int:
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    before = held()
    for _ in range(5):
        read_context(workspace, [".", "out/canary.txt", "d1/e/f.txt", "gone/x"])
    assert held() == before
