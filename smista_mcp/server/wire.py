"""The process's standard streams, kept for the protocol alone.

While a server runs, descriptor 0 reads nothing and descriptor 1 is standard error: whatever a library prints, or a
child process reads or writes, cannot get between the frames. The real streams live on private descriptors that no
child inherits.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO, Final

from smista_mcp.server.front import Frame, Front

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2

Deliver = Callable[[bytes | None], None]
"""Takes the next line from the host; ``None`` is the end of input."""


class Output:
    """Lines to the host. Writing never waits for a host that does not read; a thread does that.

    `on_broken` is called once, from that thread, when the host has closed its end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="smista-output", daemon=True)
        self.on_broken: Callable[[], None] = lambda: None

    def write_now(self, line: bytes) -> None:
        """Write in the caller's thread. Only before `start`."""
        _write(self._descriptor, line)

    def start(self) -> None:
        """From here on lines go through `send`."""
        self._thread.start()

    def send(self, line: bytes) -> None:
        """Queue a line; the order of calls is the order on the wire."""
        self._queue.put(line)

    def close(self, timeout: float) -> None:
        """Wait, at most `timeout` seconds, until all that was sent is written."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _write_all(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                _write(self._descriptor, line)
            except OSError:
                self.on_broken()
                return


class Input:
    """Lines from the host, read by one thread for the life of the process.

    Until `attach` the lines go to the front, which answers what it can; from `attach` on they go to the SDK's side.
    """

    def __init__(self, stream: BinaryIO, front: Front, output: Output) -> None:
        self._stream = stream
        self._front = front
        self._output = output
        self._deliver: Deliver | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read_all, name="smista-input", daemon=True)
        self.listed = threading.Event()
        """Set when the tools have been listed, or the input has ended."""

    def start(self) -> None:
        """Begin to read, and to answer what the front can answer."""
        self._thread.start()

    def attach(self, deliver: Deliver) -> list[Frame]:
        """Hand over: the frames taken so far; every later line goes to `deliver` (called in the reading thread)."""
        with self._lock:
            self._deliver = deliver
            self._output.start()
            return self._front.frames

    def _read_all(self) -> None:
        try:
            for line in self._stream:
                self._take(line)
        except OSError as error:
            print(f"smista-mcp: the connection to the host broke: {error}", file=sys.stderr)
        self._end()

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        with self._lock:
            if self._deliver is not None:
                self._deliver(line)
                return
            answer = self._front.take(line)
            if answer is not None:
                self._output.write_now(answer)
        if self._front.listed:
            self.listed.set()

    def _end(self) -> None:
        with self._lock:
            if self._deliver is None:
                # The host left before anything was started: there is nothing to end, record or clean up, and the
                # main thread may be deep in an import that cannot be interrupted.
                sys.stderr.flush()
                os._exit(0)
            self._deliver(None)


def claim() -> tuple[Input, Output]:
    """Take standard input and output for the protocol and divert what others see of them."""
    _occupy_missing()
    stdin = os.dup(_STDIN)
    stdout = os.dup(_STDOUT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    os.dup2(_STDERR, _STDOUT)
    sys.stdout = sys.stderr
    output = Output(stdout)
    return Input(os.fdopen(stdin, "rb"), Front(), output), output


def _occupy_missing() -> None:
    """See that descriptors 0 to 2 are open, so that none of them is handed out for something else."""
    for descriptor in (_STDIN, _STDOUT, _STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            if descriptor == _STDERR:
                sys.stderr = os.fdopen(_STDERR, "w", closefd=False)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
