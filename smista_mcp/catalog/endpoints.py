"""How each provider is to be reached: what the policy says, else the environment, else the well-known place.

Pure: the environment is handed in, nothing is looked up. An environment variable that moves an endpoint is honoured
where the policy states no address of its own, but then nothing is known of what answers there: no vendor, no region,
no price. Only what discovery establishes afterwards (that it is on this machine, and what it is) counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

from smista_mcp.catalog.types import Dialect, Endpoint, Reach, ServerKind
from smista_mcp.catalog.wellknown import WELL_KNOWN, WellKnown, vendor_at
from smista_mcp.policy.known import KNOWN_PROVIDERS
from smista_mcp.policy.types import Layer, Policy, ProviderSettings

_DIALECTS: Final[Mapping[str, Dialect]] = {
    "openai": Dialect.OPENAI_RESPONSES,
    "anthropic": Dialect.ANTHROPIC,
    "gemini": Dialect.GEMINI,
    "ollama": Dialect.OLLAMA,
    "openai-compatible": Dialect.OPENAI_CHAT,
    "embedded": Dialect.EMBEDDED,
}

_FAMILIES: Final = frozenset({"openai", "anthropic", "gemini"})
"""Types that name a vendor, so that its models are to be expected even behind a gateway."""

_SECRET: Final = re.compile(r"\$\{(env|keyring|file):([^}]*)\}")
_OLLAMA_PORT: Final = 11434


def plan_providers(policy: Policy, env: Mapping[str, str]) -> tuple[Reach, ...]:
    """Every provider that a model could be reached through, sorted by id: the well-known ones and the policy's own."""
    ids = sorted({*KNOWN_PROVIDERS, *policy.providers})
    return tuple(_plan(one, policy.providers.get(one), env) for one in ids)


def host_and_port(base_url: str) -> str:
    """``host:port`` of a base URL as messages show it: without user, password, path or query."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an address that is not a URL"
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}" if port is not None else host


def _plan(provider: str, settings: ProviderSettings | None, env: Mapping[str, str]) -> Reach:
    kind = (settings.type if settings else "") or KNOWN_PROVIDERS.get(provider, "openai-compatible")
    known = WELL_KNOWN.get(provider)
    home = known or (WELL_KNOWN[kind] if kind in WELL_KNOWN else WellKnown(""))
    base_url, moved_by = home.base_url, ""
    if kind == "embedded":
        base_url = f"{home.base_url}{settings.model_path}" if settings and settings.model_path else home.base_url
    elif settings is not None and settings.base_url is not None:
        base_url = settings.base_url.rstrip("/")
    elif known is not None and settings is not None and settings.layer is Layer.ORGANISATION:
        base_url = known.base_url  # what the organisation says of it is about that place, and no variable moves it
    elif known is not None:
        base_url, moved_by = _moved(provider, known, env)
    stated = base_url
    if moved_by:
        base_url = _without_secrets(base_url)
    vendor = vendor_at(base_url)
    dialect = _DIALECTS.get(kind, Dialect.OPENAI_CHAT)
    if dialect is Dialect.OPENAI_RESPONSES and vendor != "openai":
        dialect = Dialect.OPENAI_CHAT  # what stands in for OpenAI rarely speaks more than chat completions
    key, wanted = _key(settings, home, base_url, vendor, env)
    secrets = [one for one in (key, *(settings.headers.values() if settings else ())) if one]
    missing, present = _missing(secrets, env)
    moved_by_policy = settings is not None and settings.base_url is not None and base_url != home.base_url
    trusted = settings is None or settings.base_url is None or settings.base_url_layer is not Layer.WORKSPACE
    place = str(settings.place or "the policy") if settings else ""
    problem = ""
    if secrets and not trusted and vendor is None and not on_loopback(base_url):
        # Otherwise opening a repository would be enough to have keys sent to whoever wrote its policy.
        problem = (
            f"a repository's policy does not have keys sent to {host_and_port(base_url)}: "
            f"state base_url under [providers.{provider}] in your own policy"
        )
    elif settings is not None and not settings.enabled:
        problem = f"switched off in {place}"
    elif stated != base_url:
        problem = f"{moved_by} holds a user, password or query: state the bare address, and the key by itself"
    elif not base_url:
        problem = f"no address: state base_url under [providers.{provider}]"
    elif missing:
        problem = (
            f"no key: set {' or '.join(wanted)}" if key and wanted and missing == key else f"{missing} yields nothing"
        )
    elif settings and settings.model_path and _is_file(settings.model_path, env) is False:
        problem = f"there is no file {settings.model_path} (model_path in {place})"
    return Reach(
        id=provider,
        type=kind,
        dialect=dialect,
        endpoint=Endpoint(base_url, key, dict(settings.headers) if settings else {}),
        vendor=vendor,
        list_id=WELL_KNOWN[vendor].list_id if vendor else None,
        family=vendor or (kind if kind in _FAMILIES else None),
        moved_by=moved_by,
        key_present=present,
        problem=problem,
        declared_local=_declared_local(settings, moved_by),
        declared_at=place,
        probe=not problem and _may_probe(base_url, vendor, kind, key, trusted),
        expects=None if settings and settings.api_key else _expected(home, moved_by_policy, kind),
        model_path=settings.model_path if settings else None,
    )


def _without_secrets(url: str) -> str:
    """`url` without user, password, query and fragment: an address is kept and shown, and must hold no secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _moved(provider: str, known: WellKnown, env: Mapping[str, str]) -> tuple[str, str]:
    """The base URL and the variable that moved it; no variable where it is the well-known place after all."""
    for name in known.moved_by:
        value = env.get(name, "").strip()
        if not value:
            continue
        url = _ollama_url(value) if provider == "ollama" else value.rstrip("/")
        return (known.base_url, "") if _same_place(url, known.base_url) else (url, name)
    return known.base_url, ""


def _ollama_url(value: str) -> str:
    """The URL that ``OLLAMA_HOST`` means: scheme and port may be missing, and the server's "every address" is
    reached through the loopback."""
    if "://" not in value:
        bare = value.count(":") > 1 and not value.startswith("[")
        value = f"http://[{value}]" if bare else f"http://{value}"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return value
    if port is None:
        port = {"https": 443}.get(parts.scheme, _OLLAMA_PORT) if "://" in value else _OLLAMA_PORT
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    if ":" in host:
        host = f"[{host}]"
    return urlunsplit(SplitResult(parts.scheme, f"{host}:{port}", parts.path.rstrip("/"), "", ""))


def _same_place(one: str, other: str) -> bool:
    def place(url: str) -> tuple[str, str, int | None, str]:
        parts = urlsplit(url)
        host = {"localhost": "127.0.0.1"}.get(parts.hostname or "", parts.hostname or "")
        default = {"http": 80, "https": 443}.get(parts.scheme)
        path = parts.path.rstrip("/").removesuffix("/v1")
        return parts.scheme, host, parts.port or default, path

    try:
        return place(one) == place(other)
    except ValueError:
        return False


def _key(
    settings: ProviderSettings | None, home: WellKnown, base_url: str, vendor: str | None, env: Mapping[str, str]
) -> tuple[str | None, tuple[str, ...]]:
    """The reference to the key that goes with a call (``None``: none), and the variables that could hold it.

    A well-known key goes to its vendor and to wherever the user's own environment or policy sends it; a repository's
    policy cannot have it sent to an address of its choosing, and a provider of the policy's own has only the key that
    is stated with it. A server on this machine need not want one.
    """
    if settings is not None and settings.api_key:
        return settings.api_key, ()
    elsewhere = settings is not None and settings.base_url is not None and vendor is None
    if elsewhere and settings and (settings.base_url_layer is Layer.WORKSPACE or settings.id not in WELL_KNOWN):
        return None, ()
    for name in home.keys:
        if env.get(name):
            return f"${{env:{name}}}", home.keys
    if not home.keys or on_loopback(base_url):
        return None, ()
    return f"${{env:{home.keys[0]}}}", home.keys


def _missing(secrets: list[str], env: Mapping[str, str]) -> tuple[str, bool | None]:
    """The first text with a reference that yields nothing (empty: there is none), and whether all yield something,
    as far as that can be told without opening a keyring."""
    present: bool | None = True
    for text in secrets:
        for source, name in _SECRET.findall(text):
            if source == "env":
                found: bool | None = bool(env.get(name))
            else:
                found = _is_file(name, env) if source == "file" else None
            if found is False:
                return text, False
            if found is None:
                present = None
    return "", present


def _is_file(name: str, env: Mapping[str, str]) -> bool | None:
    """Whether the file is there; ``None`` for a relative name, which means what its reader takes it to mean."""
    path = Path(env["HOME"], name[2:]) if name.startswith("~/") and env.get("HOME") else Path(name)
    if not path.is_absolute():
        return None
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _declared_local(settings: ProviderSettings | None, moved_by: str) -> bool | None:
    """What trusted policy declares. The policy floor takes ``local`` from the organisation and the user only; here
    it is seen to that such a declaration is not carried over to an address that a repository's policy or a variable of
    the environment names."""
    if settings is None or settings.local is None:
        return None
    if settings.local and moved_by:
        return None
    if settings.local and settings.base_url is not None and settings.base_url_layer is Layer.WORKSPACE:
        return None
    return settings.local


def _may_probe(base_url: str, vendor: str | None, kind: str, key: str | None, trusted: bool) -> bool:
    """Servers on the loopback always; elsewhere only where the user or the organisation named the address and it
    wants no key. A vendor's cloud never, and never an address that a repository's policy names: opening a repository
    must not call anybody."""
    if vendor is not None or kind == "embedded" or not base_url:
        return False
    return on_loopback(base_url) or (trusted and key is None)


def on_loopback(base_url: str) -> bool:
    """Whether the URL names this machine's loopback by number or as ``localhost``; nothing is looked up."""
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _expected(home: WellKnown, moved_by_policy: bool, kind: str) -> ServerKind | None:
    """What the server must be. A well-known local server that the policy puts elsewhere may be whatever it is, but
    what is spoken to in Ollama's own way has to be Ollama. (One that wants a key cannot be asked; see `_plan`.)"""
    if kind == "ollama" or not moved_by_policy:
        return home.kind
    return None
