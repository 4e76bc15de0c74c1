"""What a language model of 135 million parameters needs to be of any use, as tried out with SmolLM2-135M-Instruct.

On a dozen README files, asked for a summary in two sentences: with markup in the material it repeats the markup; with
more than about 400 words it loses the thread, and each hundred words cost it most of a second to read on one thread;
with the task before the material, or in the system prompt, it continues the material; a system prompt of any kind makes
it worse. With temperature 0 and no penalty on repetition it goes in circles, with a strong one it invents spellings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Final

from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.providers.plain_text import plain_text
from smista_mcp.providers.types import Call, Event, Reply, StopReason, TextDelta, Usage

SAMPLING: Final = {"sampling.temp": 0.0, "sampling.penalty_repeat": 1.1, "sampling.seed": 1}
"""llama.cpp's parameters. The penalty works on its last 64 tokens."""

MATERIAL_CHARS: Final = 1500
"""How much material is sent: about 250 words."""
TASK_CHARS: Final = 6000
"""How much of the task itself is sent: what the window of 8,192 tokens can hold in most languages, and room for
the answer."""
OUTPUT_TOKENS: Final = 320
"""The longest answer: what comes after is never any good, and this much takes seven seconds."""

_FENCE: Final = "```"
_LONG_SENTENCE: Final = 24
_SHORT_SENTENCES: Final = 6
"""A sentence this long said twice means going in circles; so does a shorter one said this often."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|\n+")
_SECTION: Final = re.compile(
    r'^<(?P<mark>(?:file|context)-[0-9a-f]+)(?: path=(?P<path>"(?:[^"\\\n]|\\.)*"))?[^>\n]*>\n'
    r"(?P<text>.*?)^</(?P=mark)>$",
    re.MULTILINE | re.DOTALL,
)
"""A section of the material as the steps of this package are composed: ``<file-1a2b3c path="README.md">`` and so on."""
_LEAST_SHARE: Final = 200
_MOST_SECTIONS: Final = MATERIAL_CHARS // _LEAST_SHARE
_KEYWORD: Final = re.compile(r"\w{4,}")


def prepare(call: Call) -> Call:
    """`call` as the model does best with it: words without markup, not too many, in a fence, and then the task."""
    task = call.prompt.strip()[:TASK_CHARS]
    if task[-1:].isalnum():
        task += "."
    material = _reduced(call.material, task)
    return replace(
        call,
        prompt=f"{_FENCE}\n{material}\n{_FENCE}\n\n{task}" if material else task,
        material="",
        system="",
        effort=None,
        max_output_tokens=min(call.max_output_tokens or OUTPUT_TOKENS, OUTPUT_TOKENS),
    )


def _reduced(material: str, task: str) -> str:
    """The words of each section of `material`, under its name where there are several, in equal shares of the room."""
    sections = _sections(material)
    room = MATERIAL_CHARS // max(1, len(sections))
    shares = [(name, shorten(plain_text(text), task, max(_LEAST_SHARE, room - len(name)))) for name, text in sections]
    if len(shares) == 1:
        return shares[0][1]
    return "\n\n".join(f"{name}:\n{text}" if name else text for name, text in shares[:_MOST_SECTIONS])


def _sections(material: str) -> list[tuple[str, str]]:
    """Names and texts of what is between marks in `material`, else all of it without a name."""
    found = [(_name(match["path"]), match["text"]) for match in _SECTION.finditer(material)]
    return found or ([("", material)] if material.strip() else [])


def _name(path: str | None) -> str:
    """A file's name from its mark, where it stands as a JSON string."""
    return str(json.loads(path)) if path else ""


def shorten(text: str, task: str, limit: int = MATERIAL_CHARS) -> str:
    """At most `limit` characters of `text`: its beginning, and the lines that share most words with `task`.

    Lines stay whole and in their order, except that one too long for the room there is gets cut. A task that shares no
    words gets the beginning alone.
    """
    text = text.strip()
    if len(text) <= limit:
        return text
    lines = text.splitlines()
    wanted = {word.casefold() for word in _KEYWORD.findall(task)}
    shared = [len(wanted.intersection(map(str.casefold, _KEYWORD.findall(line)))) for line in lines]
    opening, used = 0, 0
    while opening < len(lines) and used + len(lines[opening]) <= limit // 2:
        used += len(lines[opening]) + 1
        opening += 1
    chosen = set(range(opening))
    rest = range(opening, len(lines))
    for place in [*sorted((at for at in rest if shared[at]), key=lambda at: (-shared[at], at)), *rest]:
        if place not in chosen and used + len(lines[place]) <= limit:
            chosen.add(place)
            used += len(lines[place]) + 1
        elif not shared[place] and place not in chosen:
            break
    return "\n".join(lines[place] for place in sorted(chosen)) or text[:limit]


async def without_circles(events: AsyncIterator[Event], model: str, prompt: str) -> AsyncGenerator[Event, None]:
    """Pass `events` on sentence by sentence, and end the answer where the model begins to say the same again.

    The caller closes `events`. Such an early end counts as the model's own (`StopReason.END`), names `model` as the one
    that answered, and its usage is estimated: a token each piece of the answer, and from the text of `prompt`.
    """
    said: Counter[str] = Counter()
    kept, pending, pieces = "", "", 0
    async for event in events:
        if isinstance(event, TextDelta):
            pieces += 1
            pending += event.text
            while found := _SENTENCE_END.search(pending):
                sentence, pending = pending[: found.end()], pending[found.end() :]
                if _in_circles(said, sentence):
                    usage = Usage(estimate_tokens(prompt), pieces, estimated=True)
                    yield Reply(kept.rstrip(), model, usage, StopReason.END)
                    return
                kept += sentence
                yield TextDelta(sentence)
            continue
        if isinstance(event, Reply):
            stray = pending.strip() == _FENCE and kept.count(_FENCE) % 2 == 0  # it closes ours, as it seems to think
            cut = event.stop is StopReason.MAX_TOKENS and _begins_again(said, pending)
            if stray or cut or _in_circles(said, pending):
                event = replace(event, text=kept.rstrip(), stop=StopReason.END)
            elif pending:
                yield TextDelta(pending)
        yield event


def _in_circles(said: Counter[str], sentence: str) -> bool:
    """Whether `sentence` has been said often enough; counts it."""
    words = " ".join(sentence.split()).casefold()
    if not words:
        return False
    said[words] += 1
    return said[words] > (1 if len(words) >= _LONG_SENTENCE else _SHORT_SENTENCES)


def _begins_again(said: Counter[str], rest: str) -> bool:
    """Whether `rest`, which the limit cut, is the beginning of something that was said."""
    words = " ".join(rest.split()).casefold()
    return bool(words) and any(one.startswith(words) and one != words for one in said)
