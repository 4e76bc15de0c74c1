"""The first answers of the server, given while the SDK is still being imported.

Importing the SDK takes longer than a host may wait: Codex asks a server for its tools, waits a second and then goes
on without them, silently. So a few frames whose answers are known in advance are answered here, with the standard
library alone; when the SDK's server stands, it is given the same frames again, its answers to those are swallowed
(`smista_mcp.server.session`), and from then on it serves alone.

INVARIANT: what is answered here is answered exactly as the SDK's server would answer it. Hence the rule of the
whole module: anything unusual about a frame, and it is left to the SDK. Leaving a frame costs a second; a wrong
answer would be wrong for good.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Final, NamedTuple

from smista_mcp.server import surface

HANDSHAKE_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Protocol revisions reached through ``initialize``; a test holds them against the SDK's own list."""
MODERN_VERSIONS: Final = ("2026-07-28",)
"""Protocol revisions in which every request carries its envelope; likewise."""

_PREFIX: Final = "io.modelcontextprotocol/"
_VERSION_KEY: Final = _PREFIX + "protocolVersion"
_CLIENT_KEY: Final = _PREFIX + "clientInfo"
_CAPABILITIES_KEY: Final = _PREFIX + "clientCapabilities"
_SERVER_KEY: Final = _PREFIX + "serverInfo"

_SAFE_ID: Final = 2**53


class Frame(NamedTuple):
    """One line from the host. `answered` is the id of a request that was answered here, ``None`` for all else."""

    line: bytes
    answered: str | int | None = None


class _Era(Enum):
    """The protocol era of the connection, which its first request decides."""

    UNDECIDED = "undecided"
    HANDSHAKE = "handshake"
    MODERN = "modern"
    LEFT = "left"
    """Something unusual came: from here on the SDK answers."""


class Front:
    """Answers the opening frames of one connection. Not thread-safe: one caller at a time."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        """Everything taken so far, in the order in which it came."""
        self.listed = False
        """Whether the tools have been listed: what a host waits for has been given."""
        self._era = _Era.UNDECIDED
        self._ids: set[str | int] = set()

    def take(self, line: bytes) -> bytes | None:
        """Take one line from the host; the answer to send at once (a line), or ``None`` to leave it to the SDK."""
        message = _plain_message(line)
        if message is None:
            self._era = _Era.LEFT
        elif "id" in message:
            identifier, method = message["id"], message["method"]
            if identifier in self._ids:
                self._era = _Era.LEFT
            self._ids.add(identifier)
            result = self._answer(method, message.get("params"))
            if result is not None:
                self.frames.append(Frame(line, answered=identifier))
                self.listed = self.listed or method == "tools/list"
                reply = {"jsonrpc": "2.0", "id": identifier, "result": result}
                return json.dumps(reply, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self.frames.append(Frame(line))
        return None

    def _answer(self, method: str, params: dict[str, Any] | None) -> dict[str, Any] | None:
        """The result for a request, or ``None``. Decides the era, and notes when it must not answer any more."""
        modern = _names_version(params)
        if self._era is _Era.UNDECIDED:
            if method == "initialize":
                negotiated = _initialize(params)
                self._era = _Era.LEFT if negotiated is None else _Era.HANDSHAKE
                return None if negotiated is None else _initialize_result(negotiated)
            self._era = _Era.MODERN if modern else _Era.LEFT
        if self._era is _Era.MODERN and _plain_envelope(params):
            if method == "server/discover":
                return _stamped({"supportedVersions": list(MODERN_VERSIONS), **_capabilities()})
            if method == "tools/list":
                return _stamped({"tools": list(surface.TOOLS)})
        elif self._era is _Era.HANDSHAKE:
            if method == "initialize":  # negotiates anew, which the SDK has to see before anything after it
                self._era = _Era.LEFT
            elif modern or not _plain_params(params):
                return None
            elif method == "ping":
                return {}
            elif method == "tools/list":
                return {"tools": list(surface.TOOLS)}
        return None


def _plain_message(line: bytes) -> dict[str, Any] | None:
    """The request or notification in `line`, or ``None`` for everything that is not plainly one."""
    if b"\\ud" in line.lower():  # half a surrogate pair is text for one parser and an error for another
        return None
    try:
        message = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or not message.keys() <= {"jsonrpc", "id", "method", "params"}:
        return None
    if message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):
        return None
    if not isinstance(message.get("params", {}), dict):
        return None
    identifier = message.get("id", 0)
    plain_id = isinstance(identifier, str) or (type(identifier) is int and abs(identifier) < _SAFE_ID)
    return message if plain_id else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _names_version(params: dict[str, Any] | None) -> bool:
    """Whether the request claims the modern era. Any claim counts, well formed or not."""
    meta = (params or {}).get("_meta")
    return isinstance(meta, dict) and _VERSION_KEY in meta


def _plain_meta(params: dict[str, Any], known: tuple[str, ...] = ()) -> bool:
    if "_meta" not in params:
        return True
    meta = params["_meta"]
    if not isinstance(meta, dict):
        return False
    token = meta.get("progressToken", 0)
    reserved = {key for key in meta if key.startswith(_PREFIX)}
    return (isinstance(token, str) or type(token) is int) and reserved <= set(known)


def _plain_params(params: dict[str, Any] | None) -> bool:
    """No parameters but a ``_meta`` with nothing unusual in it."""
    return params is None or (params.keys() <= {"_meta"} and _plain_meta(params))


def _plain_envelope(params: dict[str, Any] | None) -> bool:
    """Exactly a modern envelope, of a version that is served."""
    if params is None or params.keys() != {"_meta"}:
        return False
    if not _plain_meta(params, (_VERSION_KEY, _CLIENT_KEY, _CAPABILITIES_KEY)):
        return False
    meta = params["_meta"]
    return (
        meta.get(_VERSION_KEY) in MODERN_VERSIONS
        and _plain_client_capabilities(meta.get(_CAPABILITIES_KEY))
        and (_CLIENT_KEY not in meta or _plain_client(meta[_CLIENT_KEY]))
    )


def _plain_client(client: object) -> bool:
    """A client's name and version, with such other texts as may go with them."""
    return (
        isinstance(client, dict)
        and {"name", "version"} <= client.keys() <= {"name", "version", "title", "description", "websiteUrl"}
        and all(isinstance(value, str) for value in client.values())
    )


def _plain_client_capabilities(capabilities: object) -> bool:
    """Known capabilities, each an object of objects; the one flag there is, a truth value."""
    if not isinstance(capabilities, dict):
        return False
    for name, value in capabilities.items():
        if not isinstance(value, dict):
            return False
        if name in ("experimental", "extensions"):
            plain = all(isinstance(inner, dict) for inner in value.values())
        elif name == "roots":
            plain = value.keys() <= {"listChanged"} and all(isinstance(flag, bool) for flag in value.values())
        else:
            plain = name in ("sampling", "elicitation", "tasks") and _objects_only(value)
        if not plain:
            return False
    return True


def _objects_only(value: object) -> bool:
    return isinstance(value, dict) and all(_objects_only(inner) for inner in value.values())


def _initialize(params: dict[str, Any] | None) -> str | None:
    """The version that ``initialize`` comes to, or ``None`` to leave the request to the SDK."""
    if params is None or not {"protocolVersion", "capabilities", "clientInfo"} <= params.keys():
        return None
    if not params.keys() <= {"protocolVersion", "capabilities", "clientInfo", "_meta"} or not _plain_meta(params):
        return None
    wanted = params["protocolVersion"]
    if not isinstance(wanted, str) or not _plain_client_capabilities(params["capabilities"]):
        return None
    if not _plain_client(params["clientInfo"]):
        return None
    return wanted if wanted in HANDSHAKE_VERSIONS else HANDSHAKE_VERSIONS[-1]


def _capabilities() -> dict[str, Any]:
    return {"capabilities": {"tools": {"listChanged": False}}, "instructions": surface.INSTRUCTIONS}


def _initialize_result(version: str) -> dict[str, Any]:
    return {"protocolVersion": version, "serverInfo": surface.SERVER_INFO, **_capabilities()}


def _stamped(result: dict[str, Any]) -> dict[str, Any]:
    """A result of the modern era: complete, not to be cached, and saying whose it is."""
    return {
        **result,
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {_SERVER_KEY: surface.SERVER_INFO},
    }
