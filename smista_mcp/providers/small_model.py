"""What a language model of 135 million parameters needs to be of any use, as tried out with SmolLM2-135M-Instruct.

On ten README files, asked for a summary in two sentences: with markup in the material it repeats the markup; with more
than about 400 words it loses the thread, and each hundred words take it most of a second to read on one thread; with
the task before the material, or in the system prompt, it continues the material; a system prompt of any kind makes it
worse. Left to begin as it likes, it tells of a project in general; with the first words put into its mouth ("Kettle
is") it tells of this one. It does not count: where the task asks for two sentences, it is stopped after two. With
temperature 0 and no penalty on repetition it goes in circles, with a strong one it invents spellings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from typing import Final

from smista_mcp.facts.tokens import estimate_tokens
from smista_mcp.providers.plain_text import looks_like_code, plain_text
from smista_mcp.providers.types import Call, Event, Reply, StopReason, TextDelta, Usage

SAMPLING: Final = {"sampling.temp": 0.0, "sampling.penalty_repeat": 1.05, "sampling.seed": 1}
"""llama.cpp's parameters. The penalty works on its last 64 tokens."""

MATERIAL_CHARS: Final = 1400
"""How much material is sent: about 230 words."""
TASK_CHARS: Final = 6000
"""How much of the task itself is sent: what the window of 8,192 tokens can hold in most languages, and room for
the answer."""
OUTPUT_TOKENS: Final = 320
"""The longest answer: what comes after is never any good, and this much takes three seconds on a free core."""

_FENCE: Final = "```"
_LONG_SENTENCE: Final = 24
_SHORT_SENTENCES: Final = 6
"""A sentence this long said twice means going in circles; so does a shorter one said this often."""
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[^\sa-z])|\n+")
_ABOUT: Final = re.compile(
    r"\b(?:summari[sz]\w*|summary|describe|overview|tl;?dr|what (?:is|does) (?:this|it)|about)\b", re.IGNORECASE
)
"""Tasks that ask what the material is about."""
_OTHER_FORM: Final = re.compile(
    r"\b(?:(?i:bullets?|list|table|json|yaml|toml|translate)|in (?!English)[A-Z][a-z]+)\b|\?.*\?", re.DOTALL
)
"""… but in a form, or in a language, in which the answer begins otherwise."""
_DEFINITION: Final = re.compile(
    r"^(?!(?:this|that|it|its|there|these|those|we|you|what|here|if|see|for|in|to|as|and)\b)"
    r"(?:\w[\w.'’-]*\s){1,6}(?:is|are|provides|lets|allows|helps|makes|offers)\b",
    re.IGNORECASE,
)
"""The beginning of a sentence that says what something is."""
_FIRST_LINES: Final = 12
_NUMBERS: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_SENTENCES: Final = re.compile(rf"\b(\d{{1,2}}|{'|'.join(_NUMBERS)})\s+(?:\w+\s+)?sentences?\b", re.IGNORECASE)
_SECTION: Final = re.compile(
    r'^<(?P<mark>(?:file|context)-[0-9a-f]+)(?: path=(?P<path>"(?:[^"\\\n]|\\.)*"))?[^>\n]*>\n'
    r"(?P<text>.*?)^</(?P=mark)>$",
    re.MULTILINE | re.DOTALL,
)
"""A section of the material as the steps of this package are composed: ``<file-1a2b3c path="README.md">`` and so on."""
_LEAST_SHARE: Final = 200
_MOST_SECTIONS: Final = MATERIAL_CHARS // _LEAST_SHARE
_KEYWORD: Final = re.compile(r"\w{4,}")
_OF_TASKS: Final = frozenset(
    re.findall(
        r"\w+",
        "about brief briefly code describe does explain file files from give have into list paragraph paragraphs "
        "project readme repository review section sentence sentences short show summarise summarize summary tell text "
        "that their them they this three what when where which with words write your",
    )
)
"""Words that say what to do, and nothing of where to look."""


def prepare(call: Call) -> Call:
    """`call` as the model does best with it.

    Words without markup, not too many, in a fence; then the task; then the first words of the answer, where the task
    asks what the material is about and the material says what it is.
    """
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
        opening=_opening(material) if _ABOUT.search(task) and not _OTHER_FORM.search(task) else "",
    )


def sentences_asked_for(task: str) -> int | None:
    """How many sentences `task` wants the answer to have, if it says so: 2 for "in two short sentences"."""
    found = _SENTENCES.search(task)
    if found is None:
        return None
    number = found[1].casefold()
    return _NUMBERS.get(number) or int(number) or None


def _opening(material: str) -> str:
    """The first words of the first sentence that says what something is, else those that its title makes; or none."""
    lines = material.splitlines()[:_FIRST_LINES]
    for line in lines:
        if found := _DEFINITION.match(line):
            return found[0]
    title = lines[0] if lines else ""
    return (
        f"{title} is" if 0 < len(title.split()) <= 5 and title[-1].isalnum() and not looks_like_code(material) else ""
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
    wanted = {word.casefold() for word in _KEYWORD.findall(task)} - _OF_TASKS
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


async def to_the_point(
    events: AsyncIterator[Event], model: str, call: Call, sentences: int | None = None
) -> AsyncGenerator[Event, None]:
    """Pass on `events`, the answer to the prepared `call`, sentence by sentence, with the opening before them.

    The answer is ended where the model begins to say the same again, or after as many `sentences` as were asked for.
    Such an early end counts as the model's own (`StopReason.END`), names `model` as the one that answered, and its
    usage is estimated: a token each piece of the answer, and from the text of the prompt. The caller closes `events`.
    """
    said: Counter[str] = Counter()
    kept, pending, pieces, spoken = "", call.opening, 0, 0
    async for event in events:
        if isinstance(event, TextDelta):
            pieces += 1
            pending += event.text
            while found := _SENTENCE_END.search(pending):
                sentence, pending = pending[: found.end()], pending[found.end() :]
                circling = _in_circles(said, sentence)
                if not circling:
                    kept += sentence
                    spoken += sentence.rstrip().endswith((".", "!", "?"))
                    yield TextDelta(sentence)
                if circling or spoken == sentences:
                    usage = Usage(estimate_tokens(call.prompt), pieces, estimated=True)
                    yield Reply(kept.rstrip(), model, usage, StopReason.END)
                    return
        elif isinstance(event, Reply):
            stray = pending.strip() == _FENCE and kept.count(_FENCE) % 2 == 0  # it closes ours, as it seems to think
            cut = event.stop is StopReason.MAX_TOKENS and _begins_again(said, pending)
            if stray or cut or _in_circles(said, pending):
                yield replace(event, text=kept.rstrip(), stop=StopReason.END)
                return
            if pending:
                yield TextDelta(pending)
            yield replace(event, text=kept + pending)
        else:
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
