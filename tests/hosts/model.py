"""The model of a host agent, played from a script: it calls our tools in order and then says ``done``.

It speaks as much of the Anthropic Messages and the OpenAI Responses interfaces as the two hosts use. How a host
offers our tools to its model differs, and with it how they have to be called:

- Claude Code keeps them behind ``ToolSearch``, which has to be called first;
- Codex offers them as functions of a namespace, or behind ``tool_search``, or to a script that it runs (``exec``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Self

JsonDict = dict[str, Any]

SPACE = "mcp__smista"
DONE = "done"


class ScriptedModel:
    """Serves on a free port of loopback while the context lasts. `calls` are pairs of a tool and its arguments."""

    def __init__(self, *calls: tuple[str, JsonDict]) -> None:
        self._calls = calls
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._numbers = count(1)
        self.requests: list[JsonDict] = []
        """The bodies of all requests in which our tools were in reach, in order."""

    @property
    def url(self) -> str:
        """The base URL, without a version."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def saw(self) -> list[Any]:
        """What the model was given for each of its calls of our tools, in order."""
        last = self.requests[-1]
        if "messages" in last:
            blocks = [block for message in last["messages"] for block in _blocks(message)]
            ours = {block["id"] for block in blocks if _is_our_use(block)}
            return [block["content"] for block in blocks if block.get("tool_use_id") in ours]
        kinds = ("function_call_output", "custom_tool_call_output")
        return [item["output"] for item in last["input"] if item.get("type") in kinds]

    def messages_events(self, body: JsonDict) -> Iterator[JsonDict]:
        """The answer to a request of the Messages interface, as the events of its stream."""
        block = self._next_block(body)
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": self._id("msg"), "type": "message", "role": "assistant", "model": body["model"]}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        yield {"type": "message_start", "message": message}
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": 0, "content_block": empty}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
        yield {"type": "content_block_stop", "index": 0}
        stop = "tool_use" if block["type"] == "tool_use" else "end_turn"
        yield {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": usage}
        yield {"type": "message_stop"}

    def responses_events(self, body: JsonDict) -> Iterator[JsonDict]:
        """The answer to a request of the Responses interface, as the events of its stream."""
        item = self._next_item(body)
        response = {"id": self._id("resp"), "object": "response", "status": "in_progress", "output": []}
        yield {"type": "response.created", "response": response}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        yield {"type": "response.output_item.done", "output_index": 0, "item": item}
        usage: JsonDict = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        yield {
            "type": "response.completed",
            "response": {**response, "status": "completed", "output": [item], "usage": usage},
        }

    def _next_block(self, body: JsonDict) -> JsonDict:
        names = {tool.get("name", "") for tool in body.get("tools") or ()}
        if "ToolSearch" not in names and not any(name.startswith(SPACE) for name in names):
            return {"type": "text", "text": DONE}  # a request on the side: a title, a summary
        self.requests.append(body)
        used = sum(_is_our_use(block) for message in body["messages"] for block in _blocks(message))
        if used == len(self._calls):
            return {"type": "text", "text": DONE}
        tool, arguments = self._calls[used]
        name = f"{SPACE}__{tool}"
        if name in names:
            return {"type": "tool_use", "id": self._id("toolu"), "name": name, "input": arguments}
        return {"type": "tool_use", "id": self._id("toolu"), "name": "ToolSearch", "input": {"query": f"select:{name}"}}

    def _next_item(self, body: JsonDict) -> JsonDict:
        lists = [body.get("tools") or [], *(item["tools"] for item in body["input"] if item.get("tools"))]
        tools = [tool for offered in lists for tool in offered]
        if not tools:
            return self._text_item()
        self.requests.append(body)
        used = sum(item.get("type") in ("function_call", "custom_tool_call") for item in body["input"])
        if used == len(self._calls):
            return self._text_item()
        tool, arguments = self._calls[used]
        call_id = {"call_id": self._id("call"), "status": "completed"}
        loaded = {one["name"] for space in tools if space.get("name") == SPACE for one in space["tools"]}
        if tool in loaded:
            call = {"type": "function_call", "namespace": SPACE, "name": tool, "arguments": json.dumps(arguments)}
            return {"id": self._id("fc"), **call, **call_id}
        if any(one.get("type") == "tool_search" for one in tools):
            search = {"type": "tool_search_call", "execution": "client", "arguments": {"query": tool, "limit": 8}}
            return {"id": self._id("ts"), **search, **call_id}
        script = f"text(JSON.stringify(await tools.{SPACE}__{tool}({json.dumps(arguments)})))"
        call = {"type": "custom_tool_call", "name": "exec", "input": script}
        spaces = [one["name"] for one in tools if any(each.get("name") == "exec" for each in one.get("tools") or ())]
        return {"id": self._id("ctc"), **call, **({"namespace": spaces[0]} if spaces else {}), **call_id}

    def _text_item(self) -> JsonDict:
        content = [{"type": "output_text", "text": DONE, "annotations": []}]
        return {
            "type": "message",
            "id": self._id("msg"),
            "role": "assistant",
            "status": "completed",
            "content": content,
        }

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers):06d}"


def _blocks(message: JsonDict) -> list[JsonDict]:
    content = message["content"]
    return content if isinstance(content, list) else []


def _is_our_use(block: JsonDict) -> bool:
    return block.get("type") == "tool_use" and block["name"].startswith(SPACE)


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

        def do_GET(self) -> None:
            self._json({"object": "list", "data": [], "models": []})

        def do_HEAD(self) -> None:
            self._json(None)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            path = self.path.partition("?")[0]
            if path.endswith("/messages"):
                self._events(model.messages_events(body))
            elif path.endswith("/responses"):
                self._events(model.responses_events(body))
            else:
                self._json({"input_tokens": 1})

        def _json(self, value: JsonDict | None) -> None:
            self._send("application/json", b"" if value is None else json.dumps(value).encode())

        def _events(self, events: Iterator[JsonDict]) -> None:
            lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
            self._send("text/event-stream", "".join(lines).encode())

        def _send(self, kind: str, data: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
