"""Each dialect's wire as its vendor writes it: one short answer, cut into its frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from smista_mcp.catalog.types import Dialect
from smista_mcp.providers.types import Usage

SAID = "Grüße, 世界 👋"
"""What every vendor answers here: characters of one to four bytes."""
PIECES = ("Grü", "ße, 世", "界 👋")


@dataclass(frozen=True)
class Vendor:
    """One dialect's happy stream. `frames[:ending]` have all of the text, the rest has the end mark."""

    dialect: Dialect
    path: str
    key_header: tuple[str, str]
    kind: str
    frames: tuple[bytes, ...]
    ending: int
    model: str
    usage: Usage

    def __str__(self) -> str:
        return self.dialect.value

    @property
    def stream(self) -> bytes:
        """The whole body."""
        return b"".join(self.frames)

    def frame(self, value: object) -> bytes:
        """Any other frame in this dialect's framing."""
        text = json.dumps(value)
        return f"{text}\n".encode() if self.kind == "application/x-ndjson" else f"data: {text}\n\n".encode()


def _data(value: Any, event: str = "", raw: bool = True) -> bytes:
    named = f"event: {event}\n" if event else ""
    return f"{named}data: {json.dumps(value, ensure_ascii=not raw)}\n\n".encode()


def _chat() -> Vendor:
    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        return _data(
            {
                "id": "chatcmpl-CJ3x",
                "object": "chat.completion.chunk",
                "created": 1763700000,
                "model": "gpt-5-mini-2025-08-07",
                "service_tier": "default",
                "system_fingerprint": None,
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
                "usage": None,
                "obfuscation": "Vv2xq",
                **more,
            }
        )

    usage = {
        "prompt_tokens": 1200,
        "completion_tokens": 90,
        "total_tokens": 1290,
        "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 64, "accepted_prediction_tokens": 0},
    }
    return Vendor(
        Dialect.OPENAI_CHAT,
        "/v1/chat/completions",
        ("authorization", "Bearer {}"),
        "text/event-stream; charset=utf-8",
        (
            chunk({"role": "assistant", "content": "", "refusal": None}),
            *(chunk({"content": piece}) for piece in PIECES),
            chunk({}, "stop"),
            chunk({}, choices=[], usage=usage),
            b"data: [DONE]\n\n",
        ),
        4,
        "gpt-5-mini-2025-08-07",
        Usage(1200, 90, 1024, 64),
    )


def _responses() -> Vendor:
    def event(kind: str, **members: Any) -> bytes:
        return _data({"type": kind, "sequence_number": 1, **members}, kind)

    response: dict[str, Any] = {"id": "resp_68af", "object": "response", "model": "gpt-5-2025-08-07", "error": None}
    started = {**response, "status": "in_progress", "usage": None, "output": []}
    message = {"id": "msg_68af", "type": "message", "role": "assistant", "content": [], "status": "in_progress"}
    usage = {
        "input_tokens": 300,
        "input_tokens_details": {"cached_tokens": 256},
        "output_tokens": 150,
        "output_tokens_details": {"reasoning_tokens": 128},
        "total_tokens": 450,
    }
    at = {"item_id": "msg_68af", "output_index": 1, "content_index": 0}
    return Vendor(
        Dialect.OPENAI_RESPONSES,
        "/v1/responses",
        ("authorization", "Bearer {}"),
        "text/event-stream; charset=utf-8",
        (
            event("response.created", response=started),
            event("response.in_progress", response=started),
            event("response.output_item.added", output_index=0, item={"id": "rs_1", "type": "reasoning"}),
            event("response.output_item.done", output_index=0, item={"id": "rs_1", "type": "reasoning"}),
            event("response.output_item.added", output_index=1, item=message),
            event("response.content_part.added", **at, part={"type": "output_text", "text": ""}),
            *(event("response.output_text.delta", **at, delta=piece, logprobs=[]) for piece in PIECES),
            event("response.output_text.done", **at, text=SAID),
            event("response.completed", response={**response, "status": "completed", "usage": usage}),
        ),
        10,
        "gpt-5-2025-08-07",
        Usage(300, 150, 256, 128),
    )


def _anthropic() -> Vendor:
    def event(kind: str, **members: Any) -> bytes:
        return _data({"type": kind, **members}, kind)

    usage = {
        "input_tokens": 25,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 2000,
        "output_tokens": 1,
    }
    message = {
        "id": "msg_01XF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    final = {"output_tokens": 210, "output_tokens_details": {"thinking_tokens": 180}}
    return Vendor(
        Dialect.ANTHROPIC,
        "/v1/messages",
        ("x-api-key", "{}"),
        "text/event-stream; charset=utf-8",
        (
            event("message_start", message=message),
            event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
            event("ping"),
            event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "Hm."}),
            event("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "EqQB"}),
            event("content_block_stop", index=0),
            event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
            *(event("content_block_delta", index=1, delta={"type": "text_delta", "text": piece}) for piece in PIECES),
            event("content_block_stop", index=1),
            event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=final),
            event("message_stop"),
        ),
        11,
        "claude-sonnet-4-5-20250929",
        Usage(2125, 210, 2000, 180),
    )


def _gemini() -> Vendor:
    def chunk(parts: list[dict[str, Any]], usage: dict[str, int], finish: str | None = None) -> bytes:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        body = {
            "candidates": [candidate],
            "usageMetadata": {"promptTokenCount": 50, "cachedContentTokenCount": 40, **usage},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "mAITaLmkHPPlz7IPvtfUqQ4",
        }
        return f"data: {json.dumps(body, ensure_ascii=False)}\r\n\r\n".encode()

    return Vendor(
        Dialect.GEMINI,
        "/v1beta/models/asked:streamGenerateContent?alt=sse",
        ("x-goog-api-key", "{}"),
        "text/event-stream",
        (
            chunk([{"text": "Hm.", "thought": True}], {"thoughtsTokenCount": 30, "totalTokenCount": 80}),
            *(chunk([{"text": piece}], {"candidatesTokenCount": 4, "thoughtsTokenCount": 30}) for piece in PIECES),
            chunk([{"text": ""}], {"candidatesTokenCount": 12, "thoughtsTokenCount": 30}, "STOP"),
        ),
        4,
        "gemini-2.5-flash",
        Usage(50, 42, 40, 30),
    )


def _ollama() -> Vendor:
    def line(**members: Any) -> bytes:
        base = {"model": "asked", "created_at": "2026-11-21T20:00:00.0Z"}
        return (json.dumps({**base, **members}, ensure_ascii=False) + "\n").encode()

    return Vendor(
        Dialect.OLLAMA,
        "/api/chat",
        ("authorization", "Bearer {}"),
        "application/x-ndjson",
        (
            line(message={"role": "assistant", "content": "", "thinking": "Hm."}, done=False),
            *(line(message={"role": "assistant", "content": piece}, done=False) for piece in PIECES),
            line(
                message={"role": "assistant", "content": ""},
                done=True,
                done_reason="stop",
                total_duration=4883583458,
                load_duration=1334875,
                prompt_eval_count=26,
                prompt_eval_duration=342546000,
                eval_count=282,
                eval_duration=4535599000,
            ),
        ),
        4,
        "asked",
        Usage(26, 282),
    )


VENDORS = (_chat(), _responses(), _anthropic(), _gemini(), _ollama())
