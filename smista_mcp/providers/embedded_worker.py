"""The process that runs the embedded model: llama.cpp's own HTTP server on loopback, for its parent alone.

It is started as a script with nothing but the standard library and ``xllamacpp``, so it is up as fast as the weights
load. It reads one line of JSON from standard input, the order::

    {"gguf": PATH, "alias": NAME, "key": SECRET, "settings": {NAME: VALUE}}

writes one line of JSON to standard output, ``{"url": …}`` or ``{"error": …}``, and serves until its input ends. So it
never outlives its parent, however that ends. The key is asked of every call, since any process of this machine can
reach loopback; it comes in by the pipe because arguments and environments can be seen from outside.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from typing import IO, Any, NoReturn


def main() -> None:
    """Serve, as the module says."""
    order = json.loads(sys.stdin.buffer.readline())
    # Also while loading, which can take long with large weights.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer_to = os.dup(1)
    with tempfile.TemporaryFile() as log:
        _redirect_output(log.fileno())
        try:
            server = _serve(order)
            reply = {"url": str(server.listening_address)}
        except (RuntimeError, ImportError) as error:
            reply = {"error": _reason(log) or str(error)}
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123  os.devnull is no path to speak of
        _redirect_output(nothing.fileno())
    os.write(answer_to, json.dumps(reply).encode() + b"\n")
    os.close(answer_to)
    if "url" in reply:
        threading.Event().wait()
    os._exit(1)


def _serve(order: dict[str, Any]) -> Any:
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = order["gguf"]
    params.model_alias = [order["alias"]]
    params.api_keys = [order["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.verbosity = 1  # errors
    params.ui = False
    params.warmup = False  # a first call is coming anyway
    params.cache_ram_mib = 0  # calls share nothing worth gigabytes
    for name, value in order["settings"].items():
        *owners, last = name.split(".")
        owner: Any = params
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, last, value)
    return Server(params)


def _end_with_parent() -> NoReturn:
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


def _redirect_output(to: int) -> None:
    """llama.cpp writes to both; standard output is for the parent, and nobody reads the other."""
    os.dup2(to, 1)
    os.dup2(to, 2)


def _reason(log: IO[bytes]) -> str:
    """What llama.cpp says went wrong, as far as one line of its log does."""
    log.seek(0)
    for line in log.read().decode(errors="replace").splitlines():
        _, found, said = line.partition("error loading model: ")
        if found:
            return said.strip()
    return ""


if __name__ == "__main__":
    main()
