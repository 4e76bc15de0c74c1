"""The embedded model: llama.cpp in a process of our own, with weights that are fetched when they are first needed.

An address of ``embedded:`` means the default model, ``embedded:/path/to/file.gguf`` any other; that one is called by
its file's name without the ending.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from smista_mcp.errors import EmbeddedModelError
from smista_mcp.providers.embedded_process import IDLE_SECONDS, EmbeddedProcess
from smista_mcp.providers.fetch_display import shown_fetch
from smista_mcp.providers.openai_chat import OpenAIChat
from smista_mcp.providers.small_model import SAMPLING, prepare, sentences_asked_for, to_the_point
from smista_mcp.providers.types import (
    Activity,
    Call,
    Event,
    FailureClass,
    ProviderError,
    ServedModel,
    Target,
    TextDelta,
    Timeouts,
)
from smista_mcp.providers.weights import Progress, ensure_weights

if TYPE_CHECKING:
    import httpx2

EMBEDDED_MODEL: Final = "smollm2-135m-instruct"
"""The default model: SmolLM2-135M-Instruct. It is for trying things out."""
CONTEXT_WINDOW: Final = 8192
"""Tokens: what the default model was made for, and the most that any other is given, since memory grows with it."""

_SCHEME: Final = "embedded:"
_REPORT_SECONDS: Final = 1.0
_SHARED: Final = {
    "n_ctx": CONTEXT_WINDOW,
    "n_parallel": 4,
    "kv_unified": True,  # calls share one window's worth of memory, and a single one may have all of it
    "cache_prompt": False,  # a prompt that was half read before gives slightly other numbers, so other answers
}
_OTHER_SAMPLING: Final = {"sampling.temp": 0.3, "sampling.seed": 1}

Obtain = Callable[[Progress], Awaitable[Path]]
"""Gives the default model's weights, telling how a fetch comes along."""


async def _obtain(progress: Progress) -> Path:
    return await ensure_weights(progress=progress)


class Embedded:
    """Runs models in processes of its own, one for each GGUF, shared by all calls.

    A process starts with the first call, is replaced if it died, and ends with `aclose`, after `idle` seconds without a
    call, or with this process, however that ends. A fetch of the default model's weights shows on standard error, and
    as events of the call that waits for it.

    Args:
        obtain: where the default model's weights come from; `ensure_weights` by default.
        idle: seconds after its last call when a process is stopped.
    """

    name: ClassVar[str] = "embedded"

    def __init__(self, *, obtain: Obtain = _obtain, idle: float = IDLE_SECONDS) -> None:
        self._obtain = obtain
        self._idle = idle
        self._chat = OpenAIChat()
        self._processes: dict[Path, EmbeddedProcess] = {}

    async def stream(
        self, client: httpx2.AsyncClient, target: Target, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """See `DialectModule.stream`. Fetching and loading are no part of what `timeouts` limits."""
        try:
            path = _path_of(target)
            if path is None:
                fetching = asyncio.create_task(self._obtained(told := _Told()))
                try:
                    while not (await asyncio.wait({fetching}, timeout=_REPORT_SECONDS))[0]:
                        yield Activity(told.kind)
                    gguf = fetching.result()
                finally:
                    fetching.cancel()
                    with suppress(asyncio.CancelledError, EmbeddedModelError):
                        await fetching
                process = self._process(gguf, EMBEDDED_MODEL, {**_SHARED, **SAMPLING, **_threads(1)})
                sentences = sentences_asked_for(call.prompt)
                call = prepare(call)
            else:
                _window_of(path)
                sentences = None
                # A thread each core would leave none to whoever else works here, and waits for the slowest.
                settings = {**_SHARED, **_OTHER_SAMPLING, **_threads(max(1, _cores() // 2))}
                process = self._process(path, path.stem, settings)
            async with (
                aclosing(self._answer(client, process, call, timeouts)) as events,
                aclosing(to_the_point(events, EMBEDDED_MODEL, call, sentences)) as pointed,
            ):
                async for event in pointed if path is None else events:
                    yield event
        except EmbeddedModelError as error:
            raise ProviderError(
                FailureClass.CONNECT, f"{error} ({error.hint})" if error.hint else str(error)
            ) from error

    async def list_models(self, client: httpx2.AsyncClient, target: Target, timeout: float) -> tuple[ServedModel, ...]:
        """The one model there is at `target`. Nothing is fetched or started for it.

        Raises:
            ProviderError: there is no GGUF where `target` says.
        """
        path = _path_of(target)
        if path is None:
            return (ServedModel(EMBEDDED_MODEL, CONTEXT_WINDOW, parameters="135M"),)
        return (ServedModel(path.stem, await asyncio.to_thread(_window_of, path)),)

    async def aclose(self) -> None:
        """End all processes. A later call starts them again."""
        processes, self._processes = self._processes, {}
        await asyncio.gather(*(process.aclose() for process in processes.values()))

    async def _obtained(self, told: _Told) -> Path:
        with shown_fetch("the embedded model") as shown:

            def progress(done: int, total: int | None) -> None:
                told.progress(done, total)
                shown(done, total)

            return await self._obtain(progress)

    def _process(self, gguf: Path, alias: str, settings: dict[str, object]) -> EmbeddedProcess:
        if gguf not in self._processes:
            self._processes[gguf] = EmbeddedProcess(gguf, alias, settings, idle=self._idle)
        return self._processes[gguf]

    async def _answer(
        self, client: httpx2.AsyncClient, process: EmbeddedProcess, call: Call, timeouts: Timeouts
    ) -> AsyncGenerator[Event, None]:
        """The answer of `process`; asked once more where it died before it said anything, or closed the connection that
        was kept from the last call in the moment it was used again."""
        for last in (False, True):
            if process.served is None:
                yield Activity("loading")
            said = False
            async with process.lease() as served:
                target = Target(served.url, served.key, {})
                try:
                    async with aclosing(self._chat.stream(client, target, call, timeouts)) as events:
                        async for event in events:
                            said = said or isinstance(event, TextDelta)
                            yield event
                    return
                except ProviderError as error:
                    if said or last or not (await process.died(served) or error.failure is FailureClass.CONNECT):
                        raise


class _Told:
    """How a fetch comes along, as an activity's kind."""

    kind = "loading"

    def progress(self, done: int, total: int | None) -> None:
        """See `Progress`."""
        of = f" of {total // 1_000_000}" if total else ""
        self.kind = f"fetching its weights ({done // 1_000_000}{of} MB)"


def _path_of(target: Target) -> Path | None:
    """The GGUF that `target` names; ``None`` for the default one."""
    scheme, found, path = target.base_url.partition(_SCHEME)
    if scheme or not found:
        raise ProviderError(FailureClass.CONNECT, "the embedded provider's address must begin with 'embedded:'")
    return Path(path).expanduser().resolve() if path else None


def _window_of(path: Path) -> int:
    """The window that the model at `path` is given."""
    from smista_mcp.providers.gguf_header import context_length

    try:
        return min(context_length(path) or CONTEXT_WINDOW, CONTEXT_WINDOW)
    except OSError as error:
        raise ProviderError(FailureClass.MODEL_NOT_FOUND, f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ProviderError(FailureClass.MODEL_NOT_FOUND, f"{path} cannot be used: {error}") from error


def _threads(count: int) -> dict[str, object]:
    """How many threads read and write.

    Measured with the default model on two cores: one thread reads 250 tokens a second and writes 108, two threads read
    356 and write 128. As soon as something else keeps one core busy, one thread is as fast as before, but two write 4
    tokens a second, since they wait for each other in busy loops; without these loops (``poll``) they write 33.
    """
    both = {"n_threads": count, "poll": 0}
    return {f"{phase}.{name}": value for phase in ("cpuparams", "cpuparams_batch") for name, value in both.items()}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
