"""The organisation's signed remote policy: believed by its signature, kept while it is good, then all is closed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from smista_mcp.errors import PolicyError, PolicyUntrustedError
from smista_mcp.execution.engine import Engine
from smista_mcp.facts.types import Step
from smista_mcp.policy.check import check_places
from smista_mcp.policy.document import MAX_BYTES, Document, parse
from smista_mcp.policy.layers import PolicyPlaces, load_policy
from smista_mcp.policy.remote import RemoteSource, accept, load, read_kept, source_of
from smista_mcp.policy.remote_below import below
from smista_mcp.policy.types import Layer, Policy
from smista_mcp.providers import remote_policy
from smista_mcp.providers.remote_policy import RemotePolicy
from tests.policy.files import Places

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()


def document(serial: int = 5, *, expires: str = "2099-12-31T00:00:00Z", more: str = "") -> bytes:
    return f'[policy]\nserial = {serial}\nexpires = "{expires}"\n{more}'.encode()


GUARD = '[[guardrails]]\nname = "stay"\nrequire = { local = true }\n'


def signed(content: bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    return base64.b64encode(key.sign(content)) + b"\n"


@dataclass
class Site:
    """A web server with a policy and its signature, or whatever else stands at a path."""

    port: int = 0
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/policy.toml"

    @property
    def table(self) -> str:
        key = base64.b64encode(PUBLIC).decode()
        return f'[policy]\nowner = "platform@acme.example"\n[policy.remote]\nurl = "{self.url}"\npublic_key = "{key}"\n'

    @property
    def source(self) -> RemoteSource:
        return RemoteSource(self.url, PUBLIC)

    def publish(self, content: bytes, signature: bytes | None = None) -> None:
        self.pages["/policy.toml"] = (200, {}, content)
        self.pages["/policy.toml.sig"] = (200, {}, signed(content) if signature is None else signature)


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    made = Site()
    made.gate.set()
    talks: set[asyncio.Task[object]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode()
                made.asked.append(path)
                await made.gate.wait()
                status, headers, body = made.pages.get(path, (404, {}, b""))
                lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            return
        finally:
            talks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for talk in tuple(talks):
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def standing(places: Places) -> PolicyPlaces:
    return replace(places.policies, state=places.root / "state")


def engine(places: Places) -> Engine:
    workspace = places.root / "workspace"
    workspace.mkdir(exist_ok=True)
    ledger = places.root / "state" / "ledger.sqlite3"
    return Engine(workspace, standing(places), environment={}, ledger_file=ledger, cache_dir=None)


async def policy_of(places: Places) -> Policy:
    async with engine(places) as running:
        return (await running.conditions()).policy


# --- the whole way


async def test_it_is_a_file_of_the_organisations_below_the_one_on_this_machine(places: Places) -> None:
    async with site() as server:
        places.organisation(server.table + '[overrides]\nallow = false\n[routing.default]\nmodel = "ollama/here"\n')
        server.publish(document(more=GUARD + '[routing.default]\nmodel = "ollama/remote"\n'))
        policy = await policy_of(places)
    assert [one.name for one in policy.guardrails] == ["stay"]
    assert policy.guardrails[0].layer is Layer.ORGANISATION
    assert policy.guardrails[0].place.file == server.url
    assert policy.defaults[0].model == "ollama/here"
    assert policy.layers[:2] == ((Layer.ORGANISATION, policy.layers[0][1]), (Layer.ORGANISATION, server.url))
    assert set(server.asked) == {"/policy.toml", "/policy.toml.sig"}


async def test_the_last_good_one_stands_while_the_server_is_away(places: Places) -> None:
    async with site() as server:
        places.organisation(server.table)
        server.publish(document(more=GUARD))
        await policy_of(places)
    assert [one.name for one in (await policy_of(places)).guardrails] == ["stay"]
    assert [one.name for one in load_policy(standing(places)).policy.guardrails] == ["stay"]


async def test_without_any_everything_is_refused_with_whom_to_ask(places: Places) -> None:
    async with site() as server:
        places.organisation(server.table)
        async with engine(places) as running:
            for way in (running.preview, running.delegate):
                with pytest.raises(PolicyUntrustedError, match="was never fetched") as caught:
                    await way(Step("Say hello"))
                assert "platform@acme.example" in caught.value.hint
    assert check_places(standing(places))[0].code == "untrusted"


async def test_nowhere_to_keep_it_is_closed_too(places: Places) -> None:
    async with site() as server:
        places.organisation(server.table)
        server.publish(document())
        with pytest.raises(PolicyUntrustedError):
            load_policy(places.policies)


BAD = {
    "signed with another key": lambda content: signed(content, OTHER_KEY),
    "signature of something else": lambda content: signed(content + b"\n"),
    "no signature": lambda _: b"",
    "no base64": lambda _: b"\xff" * 64,
    "short": lambda content: signed(content)[:40],
    "endless": lambda content: signed(content) + b"A" * 5000,
}


@pytest.mark.parametrize("signature", BAD.values(), ids=BAD)
async def test_what_is_not_signed_is_not_believed_and_the_good_one_stays(places: Places, signature: object) -> None:
    async with site() as server:
        places.organisation(server.table)
        folder = standing(places).remote
        assert folder is not None
        looking = RemotePolicy(folder, lambda: NOW, lambda _: "")
        forged = document(9, more="[overrides]\nallow = true\n")
        server.publish(forged, signature(forged))  # type: ignore[operator]
        await looking.keep_fresh(server.source)
        with pytest.raises(PolicyUntrustedError):
            load(server.source, folder, NOW)
        server.publish(document(5))
        await looking.keep_fresh(server.source)
        server.publish(forged, signature(forged))  # type: ignore[operator]
        later = NOW + timedelta(hours=1)
        await RemotePolicy(folder, lambda: later, lambda _: "").keep_fresh(server.source)
        assert load(server.source, folder, later).data["policy"]["serial"] == 5


async def test_serials_only_rise(places: Places) -> None:
    folder = places.root / "kept"
    source = RemoteSource("https://policy.acme.example/p.toml", PUBLIC)

    def take(content: bytes, now: datetime = NOW) -> None:
        accept(source, folder, content, KEY.sign(content), now)

    take(document(5, expires="2026-11-22T00:00:00Z"))
    take(document(5))
    take(document(6, expires="2026-11-22T00:00:00Z"))
    with pytest.raises(PolicyUntrustedError, match="edition 5, older than edition 6"):
        take(document(5))
    with pytest.raises(PolicyUntrustedError, match="older than edition 6"):
        take(document(5), NOW + timedelta(days=30))
    assert load(source, folder, NOW).data["policy"]["serial"] == 6


async def test_it_ends_when_it_says_so_and_when_nobody_could_look_for_too_long(places: Places) -> None:
    folder = places.root / "kept"
    source = RemoteSource("https://policy.acme.example/p.toml", PUBLIC, timedelta(hours=10), "ask@acme.example")
    content = document(expires="2026-11-21T18:00:00+01:00")
    accept(source, folder, content, KEY.sign(content), NOW)
    load(source, folder, datetime(2026, 11, 21, 16, 59, tzinfo=UTC))
    with pytest.raises(PolicyUntrustedError, match="expired on 2026-11-21 at 17:00 UTC") as caught:
        load(source, folder, datetime(2026, 11, 21, 17, tzinfo=UTC))
    assert "ask@acme.example" in caught.value.hint
    content = document()
    accept(source, folder, content, KEY.sign(content), NOW)
    load(source, folder, NOW + timedelta(hours=9, minutes=59))
    with pytest.raises(PolicyUntrustedError, match="more than 10 hours"):
        load(source, folder, NOW + timedelta(hours=10))
    with pytest.raises(PolicyUntrustedError, match="more than 10 hours"):
        load(source, folder, NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'[policy]\nserial = 1\n', "expires"),
        (b'[policy]\nexpires = "2099-01-01T00:00:00Z"\n', "serial"),
        (b'[policy]\nserial = true\nexpires = "2099-01-01T00:00:00Z"\n', "serial"),
        (b'[policy]\nserial = 1\nexpires = "2099-01-01T00:00:00"\n', "expires"),
        (b'[policy]\nserial = 1\nexpires = "soon"\n', "expires"),
        (b'[policy\n', "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"#" * (MAX_BYTES + 1), "larger"),
        (b"x = " + b"[" * 1000, "cannot be read"),
    ],
)  # fmt: skip
def test_a_signed_file_that_is_no_usable_policy_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    source = RemoteSource("https://policy.acme.example/p.toml", PUBLIC)
    with pytest.raises(PolicyUntrustedError, match=why):
        accept(source, tmp_path, content, KEY.sign(content), NOW)
    assert read_kept(source, tmp_path) is None


def test_whatever_is_changed_in_what_is_kept_is_found(tmp_path: Path) -> None:
    source = RemoteSource("https://policy.acme.example/p.toml", PUBLIC)
    content = document(more=GUARD)
    accept(source, tmp_path, content, KEY.sign(content), NOW)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    start = whole.index(b"\n") + 1
    for at in range(start, len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(PolicyUntrustedError):
            load(source, tmp_path, NOW)
    for spoilt in (b"", b"{}\n", whole[: start - 2], whole[:-1], b"\x00" * 100, b"[" * 4000, whole + b"#"):
        file.write_bytes(spoilt)
        with pytest.raises(PolicyUntrustedError):
            load(source, tmp_path, NOW)


def test_what_was_kept_of_another_address_or_key_does_not_count(tmp_path: Path) -> None:
    source = RemoteSource("https://policy.acme.example/p.toml", PUBLIC)
    content = document()
    accept(source, tmp_path, content, KEY.sign(content), NOW)
    for other in (
        replace(source, url="https://policy.acme.example/q.toml"),
        replace(source, public_key=OTHER_KEY.public_key().public_bytes_raw()),
    ):
        (file,) = tmp_path.glob(f"{source.id}.*")
        copy = tmp_path / f"{other.id}.kept"
        copy.write_bytes(file.read_bytes())
        if other.public_key != PUBLIC:
            with pytest.raises(PolicyUntrustedError, match="not signed"):
                load(other, tmp_path, NOW)
        copy.unlink()
        with pytest.raises(PolicyUntrustedError, match="never fetched"):
            load(other, tmp_path, NOW)


# --- fetching


async def test_a_look_beside_the_step_never_holds_it_up_for_long(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_policy, "PATIENCE_S", 0.05)
    folder = places.root / "kept"
    async with site() as server:
        server.publish(document(5))
        await RemotePolicy(folder, lambda: NOW, lambda _: "").keep_fresh(server.source)
        server.publish(document(6))
        server.gate.clear()
        later = NOW + timedelta(hours=1)
        looking = RemotePolicy(folder, lambda: later, lambda _: "")
        await looking.keep_fresh(server.source)  # comes back although the server says nothing
        assert load(server.source, folder, later).data["policy"]["serial"] == 5
        server.gate.set()
        async with asyncio.timeout(60):
            while load(server.source, folder, later).data["policy"]["serial"] != 6:
                await asyncio.sleep(0.01)
        server.gate.clear()
        much_later = later + timedelta(hours=1)
        given_up = RemotePolicy(folder, lambda: much_later, lambda _: "")
        await given_up.keep_fresh(server.source)
        await given_up.aclose()
        server.gate.set()


async def test_a_recent_one_is_not_looked_for_again(places: Places) -> None:
    folder = places.root / "kept"
    async with site() as server:
        server.publish(document(5))
        looking = RemotePolicy(folder, lambda: NOW, lambda _: "")
        for _ in range(3):
            await looking.keep_fresh(server.source)
        assert len(server.asked) == 2


async def test_redirects_stay_on_their_server(places: Places) -> None:
    folder = places.root / "kept"
    async with site() as server, site() as elsewhere:
        content = document()
        server.publish(content)
        elsewhere.publish(content)
        moved = {"/p": "/policy.toml", "/p.sig": "/policy.toml.sig", "/loop": "/loop", "/loop.sig": "/loop.sig"}
        for old, new in moved.items():
            server.pages[old] = (302, {"location": new}, b"")
        server.pages["/away"] = (302, {"location": elsewhere.url}, b"")
        server.pages["/away.sig"] = (302, {"location": f"{elsewhere.url}.sig"}, b"")
        server.pages["/file"] = (302, {"location": "file:///etc/passwd"}, b"")
        base = server.url.removesuffix("/policy.toml")
        inside = RemoteSource(f"{base}/p", PUBLIC)
        await RemotePolicy(folder, lambda: NOW, lambda _: "").keep_fresh(inside)
        load(inside, folder, NOW)
        for path in ("/away", "/loop", "/file", "/missing"):
            source = RemoteSource(base + path, PUBLIC)
            await RemotePolicy(folder, lambda: NOW, lambda _: "").keep_fresh(source)
            with pytest.raises(PolicyUntrustedError, match="never fetched"):
                load(source, folder, NOW)
        assert not elsewhere.asked


async def test_what_is_too_large_is_not_read_to_its_end(places: Places) -> None:
    async with site() as server:
        server.publish(b"#" * (MAX_BYTES * 3))
        with pytest.raises(OSError, match="too large"):
            await remote_policy.fetch(server.url)


async def test_a_new_edition_with_a_mistake_stops_nobody_while_the_old_one_is_good(places: Places) -> None:
    async with site() as server:
        places.organisation(server.table)
        server.publish(document(5, more=GUARD))
        await policy_of(places)
        (kept,) = (places.root / "state" / "remote-policy").iterdir()
        note, _, content = kept.read_bytes().partition(b"\n")
        older = {**json.loads(note), "fetched_at": (datetime.now(UTC) - timedelta(hours=2)).isoformat()}
        kept.write_bytes(json.dumps(older).encode() + b"\n" + content)
        server.publish(document(6, more="[[guardrails]]\nnmae = 1\n"))
        assert [one.name for one in (await policy_of(places)).guardrails] == ["stay"]
        assert len(server.asked) == 4


# --- what the trusted file says


@pytest.mark.parametrize(
    "table",
    [
        'url = "http://policy.acme.example/p"\npublic_key = "KEY"',
        'url = "https://me:pw@policy.acme.example/p"\npublic_key = "KEY"',
        'url = "ftp://policy.acme.example/p"\npublic_key = "KEY"',
        'url = "https://policy.acme.example/p"\npublic_key = "short"',
        'url = "https://policy.acme.example/p"',
        'public_key = "KEY"',
        'url = "https://policy.acme.example/p"\npublic_key = "KEY"\nmax_age_hours = 0',
        'url = "https://policy.acme.example/p"\npublic_key = "KEY"\ninsecure = true',
    ],
)
def test_a_remote_policy_that_is_not_said_right_closes(places: Places, table: str) -> None:
    places.organisation("[policy.remote]\n" + table.replace("KEY", base64.b64encode(PUBLIC).decode()) + "\n")
    with pytest.raises(PolicyError):
        load_policy(standing(places))


@pytest.mark.parametrize("layer", ["workspace", "user", "builtin"])
async def test_nobody_else_names_one(places: Places, layer: str) -> None:
    async with site() as server:
        server.publish(document())
        getattr(places, layer)(server.table)
        with pytest.raises(PolicyError) as caught:
            await policy_of(places)
        assert "organisation_only" in {getattr(one, "code", "") for one in caught.value.findings}
        assert not server.asked


async def test_a_remote_policy_names_no_further_one(places: Places) -> None:
    async with site() as server, site() as further:
        places.organisation(server.table)
        key = base64.b64encode(PUBLIC).decode()
        server.publish(document(more=f'[policy.remote]\nurl = "{further.url}"\npublic_key = "{key}"\n' + GUARD))
        assert [one.name for one in (await policy_of(places)).guardrails] == ["stay"]
        assert not further.asked


def test_two_files_that_name_different_ones_close(places: Places) -> None:
    key = base64.b64encode(PUBLIC).decode()
    for name, host in (("policy.toml", "a"), ("policy.d/1.toml", "b")):
        places.organisation(f'[policy.remote]\nurl = "https://{host}.example/p"\npublic_key = "{key}"\n', name)
    with pytest.raises(PolicyUntrustedError, match="another remote policy"):
        load_policy(standing(places))


def test_the_organisations_own_file_may_expire_too(places: Places) -> None:
    places.organisation('[policy]\nowner = "me@acme.example"\nexpires = 2020-01-01T00:00:00Z\n')
    with pytest.raises(PolicyUntrustedError, match="expired on 2020-01-01") as caught:
        load_policy(standing(places))
    assert "me@acme.example" in caught.value.hint
    places.organisation('[policy]\nexpires = "2099-01-01T00:00:00Z"\n')
    load_policy(standing(places))


# --- below the file on this machine


def parsed(text: str, name: str) -> Document:
    found = parse(text.encode(), name)
    assert not found.findings
    return found


def test_what_both_set_is_this_machines_and_what_takes_away_is_never_left_out() -> None:
    local = parsed(
        """
[routing.default]
model = "a/local"
[regions]
eu = ["DE"]
[groups.g]
models = ["a/local"]
[providers.p]
base_url = "https://local.example"
[identity]
team = "local"
[[routing.rules]]
name = "same"
model = "a/local"
[[guardrails]]
name = "same"
require = { local = true }
[privacy]
restricted_paths = ["local"]
""",
        "local",
    )
    text = """
[policy]
serial = 3
[policy.remote]
url = "x"
[routing.default]
model = "a/remote"
effort = "low"
[regions]
eu = ["FR"]
us = ["US"]
[groups.g]
models = ["a/remote"]
weights = [1]
[providers.p]
base_url = "https://remote.example"
type = "openai"
[identity]
team = "remote"
tier = "gold"
[[routing.rules]]
name = "first"
model = "a/first"
[[routing.rules]]
name = "same"
model = "a/remote"
[[routing.rules]]
name = "last"
model = "a/last"
[[guardrails]]
name = "same"
forbid = { local = true }
[privacy]
restricted_paths = ["remote"]
[overrides]
allow = false
"""
    remote = parsed(text, "https://r.example")
    before = json.dumps(remote.data)
    found = below([local], remote)
    assert json.dumps(remote.data) == before, "documents are shared"
    assert found.data["policy"] == {"serial": 3}
    assert "default" not in found.data["routing"]
    assert found.data["regions"] == {"us": ["US"]}
    assert found.data["groups"] == {}
    assert found.data["providers"] == {"p": {"type": "openai"}}
    assert found.data["identity"] == {"tier": "gold"}
    assert [one["name"] for one in found.data["routing"]["rules"]] == ["first", "last"]
    line = text.splitlines().index('name = "last"') + 1
    assert found.place(("routing", "rules", 1, "name")).line == line
    assert [one["name"] for one in found.data["guardrails"]] == ["same (https://r.example)"]
    assert found.data["privacy"] == {"restricted_paths": ["remote"]}
    assert found.data["overrides"] == {"allow": False}


def test_what_the_trusted_file_says_of_it() -> None:
    key = base64.b64encode(PUBLIC).decode()
    text = f'[policy]\nowner = "o"\n[policy.remote]\nurl = "https://p.example/p"\npublic_key = "{key}"\n'
    assert source_of([parsed(text, "a")]) == RemoteSource("https://p.example/p", PUBLIC, timedelta(hours=72), "o")
    assert source_of([parsed("[policy]\nserial = 1\n", "a")]) is None
