"""The embedded model's process as its parent sees it: started when needed, shared, started anew if it died, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smista_mcp.errors import EmbeddedModelError

IDLE_SECONDS: Final = 300.0
"""How long the process is kept after its last call: loading takes half a second, keeping it some 350 MB."""

_END_SECONDS: Final = 2.0
"""How long a process that was told to end may take before it is killed."""

_DYING_SECONDS: Final = 0.3

_PASSED_ON: Final = frozenset(
    {
        *("PATH", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
        *("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "LANG", "LC_ALL", "LC_CTYPE"),
        *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR"),
    }
)
"""All that the process gets to see of the environment: what an interpreter needs to run. Hosts hand over theirs
whole, keys included, and weights may come from anywhere."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where the model is served, and the key that opens it. Its ``repr`` hides the key."""

    url: str
    key: str
    pid: int

    def __repr__(self) -> str:
        return f"Served(url={self.url!r}, pid={self.pid})"


class EmbeddedProcess:
    """One model in one process, for all concurrent calls. Bound to no event loop.

    Args:
        gguf: the weights.
        alias: the name under which the model answers.
        settings: llama.cpp's parameters by attribute path, e.g. ``{"n_ctx": 8192, "sampling.temp": 0.0}``.
        idle: seconds after the last call when the process is stopped.
    """

    def __init__(self, gguf: Path, alias: str, settings: Mapping[str, object], *, idle: float = IDLE_SECONDS) -> None:
        self._order = {"gguf": str(gguf), "alias": alias, "settings": dict(settings)}
        self._idle = idle
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._served: Served | None = None
        self._calls = 0
        self._timer: threading.Timer | None = None

    @property
    def served(self) -> Served | None:
        """Where the model is served at this moment; ``None`` while no process runs."""
        process, served = self._process, self._served
        return served if process is not None and process.poll() is None else None

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[Served]:
        """Have the process running for as long as the context lasts; it is not stopped for idleness before.

        Raises:
            EmbeddedModelError: it cannot be started, or llama.cpp cannot load the weights.
        """
        with self._lock:
            self._calls += 1
            self._rest()
        try:
            served = self.served
            if served is None:
                served = await asyncio.to_thread(self._ensure)
            yield served
        finally:
            with self._lock:
                self._calls -= 1
                if self._calls == 0:
                    self._timer = threading.Timer(self._idle, self._stop_if_idle)
                    self._timer.daemon = True
                    self._timer.start()

    async def died(self, served: Served) -> bool:
        """Whether the process behind `served` is gone; one that is just dying has closed its connections already."""
        process = self._process
        if process is None or process.pid != served.pid:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(process.wait, _DYING_SECONDS)
        return process.poll() is not None

    async def aclose(self) -> None:
        """End the process at once, whatever it is doing. Another call would start it again."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """As `aclose`, for callers without an event loop; waits up to two seconds."""
        with self._lock:
            self._rest()
            process, self._process, self._served = self._process, None, None
        if process is not None:
            _end(process)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_if_idle(self) -> None:
        with self._lock:
            if self._calls:
                return
            process, self._process, self._served = self._process, None, None
        if process is not None:
            _end(process)

    def _ensure(self) -> Served:
        """Start the process unless it runs. In a thread: it takes as long as the weights take to load."""
        with self._starting:
            served = self.served
            if served is not None:
                return served
            key = secrets.token_urlsafe(32)
            process = _spawn()
            with self._lock:
                died, self._process, self._served = self._process, process, None
            if died is not None:
                _end(died)
            reply = _exchange(process, {**self._order, "key": key})
            if "url" not in reply:
                _end(process)
                why = reply.get("error", "its process ended")
                raise EmbeddedModelError(
                    f"the embedded model {self._order['alias']} did not start: {why}",
                    hint=f"see whether {self._order['gguf']} is a GGUF that llama.cpp knows, and whether it fits "
                    "into memory",
                )
            with self._lock:
                if self._process is process:
                    self._served = Served(str(reply["url"]), key, process.pid)
            return Served(str(reply["url"]), key, process.pid)


def _spawn() -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("embedded_worker.py")
    try:
        return subprocess.Popen(
            # -P: the script's neighbours are modules of a package, not to be found by their bare names.
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name.upper() in _PASSED_ON},
            # Its own session: an interrupt from the terminal is for the parent, which ends it.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise EmbeddedModelError(
            f"the embedded model's process cannot be started with {sys.executable}: {error.strerror}",
            hint="see whether the Python that runs smista-mcp still is where it was",
        ) from error


def _exchange(process: subprocess.Popen[bytes], order: Mapping[str, object]) -> dict[str, object]:
    """Hand over the order and wait for the reply; nothing where the process ends before it replies."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        reply = json.loads(line) if line else {}
    except (OSError, ValueError):
        return {}
    return reply if isinstance(reply, dict) else {}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End by closing the input; by force where that does not help."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
