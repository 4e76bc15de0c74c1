"""Whether a deployment is local: the verdict on what the policy declares and discovery found out.

Local means that a step sent there does not leave this machine, or goes where trusted policy says that it may go. That
is never believed of an endpoint because of its name or its port; see `smista_mcp.providers.locality` for what is
found out, and for what cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from smista_mcp.catalog.endpoints import host_and_port
from smista_mcp.catalog.types import Dialect, Finding, Reach, ServerKind

NAMES: Final = {
    ServerKind.OLLAMA: "Ollama",
    ServerKind.LLAMACPP: "llama.cpp",
    ServerKind.LMSTUDIO: "LM Studio",
    ServerKind.VLLM: "vLLM",
    ServerKind.UNKNOWN: "a server of unknown kind",
}

RUN_MODELS_THEMSELVES: Final = frozenset({ServerKind.OLLAMA, ServerKind.LLAMACPP, ServerKind.VLLM})
"""Kinds that run a model where they are, unless they say otherwise model by model. LM Studio is not among them: with
LM Link it serves models of other machines under ``localhost`` as if they were its own, and its API does not tell."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a deployment is local and why, or why it does not count as local."""

    local: bool
    evidence: str
    free: bool = False
    """It runs on machines of one's own, where nobody bills tokens."""
    passed_on: bool = False
    """The server passes it on to somebody else, so that nothing that is true of the server is true of the model."""


def judge(reach: Reach, finding: Finding | None, model: str, *, sent_elsewhere: bool = False) -> Verdict:
    """The verdict on `model` at one provider. `sent_elsewhere`: the server lists it as run by somebody else."""
    place = host_and_port(reach.endpoint.base_url)
    moved = f", where {reach.moved_by} points" if reach.moved_by else ""
    if reach.dialect is Dialect.EMBEDDED:
        return Verdict(True, "runs in a process of this program", free=True)
    kind = finding.kind if finding else ServerKind.UNKNOWN
    if sent_elsewhere or ((reach.dialect is Dialect.OLLAMA or kind is ServerKind.OLLAMA) and is_cloud_name(model)):
        return Verdict(False, f"an Ollama cloud model: {place} passes it on to Ollama's servers", passed_on=True)
    if reach.declared_local is False:
        return Verdict(False, f"declared not local in {reach.declared_at}")
    if reach.declared_local:
        return Verdict(True, f"declared local in {reach.declared_at} ({place})", free=True)
    if reach.vendor is not None:
        return Verdict(False, f"runs at {place}")
    if finding is None or not finding.reachable:
        return Verdict(False, f"nothing is established about {place}{moved}")
    if not finding.own_address:
        return Verdict(False, f"{place}{moved} is not shown to be an address of this machine")
    if kind is ServerKind.LMSTUDIO:
        return Verdict(
            False,
            f"LM Studio on this machine ({place}{moved}) may run a model on another machine by LM Link and does not "
            f"tell; state local = true under [providers.{reach.id}] in your own policy if it does not",
            free=True,
        )
    if kind not in RUN_MODELS_THEMSELVES:
        return Verdict(
            False,
            f"{place}{moved} is on this machine but may be a gateway; state local = true under "
            f"[providers.{reach.id}] in your own policy if it is not",
        )
    return Verdict(True, f"{NAMES[kind]} on this machine ({place}{moved})", free=True)


def is_cloud_name(model: str) -> bool:
    """Whether Ollama runs a model of this name on its own servers: ``gpt-oss:120b-cloud``, ``gemma4:cloud``."""
    tag = model.rpartition(":")[2] if ":" in model else ""
    return tag == "cloud" or model.endswith("-cloud")
