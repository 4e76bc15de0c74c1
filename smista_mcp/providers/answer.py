"""What a stream has said so far, put together from its pieces in whatever order a vendor sends them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.providers.prompt import compose_prompt
from smista_mcp.providers.types import Activity, Call, FailureClass, StopReason, TextDelta, Usage

THINKING: Final = Activity("thinking")


class Answer:
    """The answer to `call` as far as it has come.

    A dialect reports text (`say`), counts (`count`), why the model stopped (`stopped`) and that nothing more will come
    (`ended`). The answer is whole once the model has said why it stopped, or the stream is marked as ended.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._pieces: list[str] = []
        self._half = ""
        self._input: int | None = None
        self._output: int | None = None
        self._cached = 0
        self._reasoning = 0
        self._counted = False
        self.model: str | None = None
        """The model that answers, as the provider says."""
        self.request_id: str | None = None
        self.stop: StopReason | None = None
        """Why the model stopped, once it has said so."""
        self.refused = False
        """What it says is that it will not answer."""
        self.ended = False
        """The dialect's end mark came: nothing more is to be read."""

    def note(self, *, model: str = "", request_id: str = "") -> None:
        """Who answers and under which id; the first that is named stays."""
        self.model = self.model or model or None
        self.request_id = self.request_id or request_id or None

    def say(self, text: str) -> Iterator[TextDelta]:
        """Add `text`, and yield it as it may be shown: without halves of characters.

        JSON can write half of a character (a lone surrogate), which no file or terminal can take. Where the other half
        follows in the next piece they are joined, else it becomes U+FFFD.
        """
        text, self._half = self._half + text, ""
        if not text.isascii():
            if "\ud800" <= text[-1] <= "\udbff":
                text, self._half = text[:-1], text[-1]
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if text:
            self._pieces.append(text)
            yield TextDelta(text)

    def stopped(self, why: StopReason) -> None:
        """The model has said why it stopped; that it refused says more."""
        self.stop = StopReason.REFUSAL if self.refused else why

    def count(
        self,
        *,
        input: int | None = None,  # noqa: A002  # the contract's word
        output: int | None = None,
        cached: int | None = None,
        reasoning: int | None = None,
        final: bool = True,
    ) -> None:
        """Tokens as the provider counts them, already in the contract's arithmetic.

        ``None`` leaves what is known. `final`: whether these are the counts of the whole call, if nothing follows.
        """
        self._input = self._input if input is None else input
        self._output = self._output if output is None else output
        self._cached = self._cached if cached is None else cached
        self._reasoning = self._reasoning if reasoning is None else reasoning
        self._counted = final

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._pieces)

    @property
    def whole(self) -> bool:
        """Whether the answer is known to be complete."""
        return self.ended or self.stop is not None

    @property
    def begun(self) -> bool:
        """Whether anything shows that the model has worked, so that the call may be billed."""
        return bool(self._pieces) or self._output is not None or self._input is not None

    def usage(self) -> Usage:
        """The provider's count where the answer is whole and it gave one, else our own estimate, marked as such."""
        said = estimate_tokens(self.text)
        if self.whole and self._counted and self._input and (self._output or not said):
            tokens_in, tokens_out, estimated = self._input, self._output or 0, False
        else:
            asked = estimate_tokens(self._call.system) + estimate_tokens(compose_prompt(self._call))
            tokens_in, tokens_out, estimated = self._input or asked, max(self._output or 0, said), True
        tokens_out = max(tokens_out, self._reasoning)
        return Usage(tokens_in, tokens_out, min(self._cached, tokens_in), self._reasoning, estimated)

    def fault(self) -> tuple[FailureClass, str] | None:
        """What keeps this from being an answer, now that the stream is over; ``None`` where nothing does."""
        if not self.whole:
            return FailureClass.TRUNCATED_STREAM, "the stream ended without its end mark"
        if not self.text.strip() and self.stop is not StopReason.REFUSAL:
            why = ": the limit on output tokens was used up" if self.stop is StopReason.MAX_TOKENS else ""
            return FailureClass.EMPTY_ANSWER, f"the answer has no text{why}"
        return None
