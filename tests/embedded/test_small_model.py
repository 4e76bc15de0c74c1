"""What goes to the small model, and what of its answer is passed on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from hypothesis import example, given
from hypothesis import strategies as st

from smista_mcp.context.material import Material, MaterialFile
from smista_mcp.policy.types import Effort
from smista_mcp.providers.plain_text import looks_like_code, plain_text
from smista_mcp.providers.prompt import compose_prompt
from smista_mcp.providers.small_model import (
    MATERIAL_CHARS,
    OUTPUT_TOKENS,
    TASK_CHARS,
    prepare,
    sentences_asked_for,
    shorten,
    to_the_point,
)
from smista_mcp.providers.types import Call, Event, Reply, StopReason, TextDelta, Usage

CODE = '''\
"""A module with **stars** and [marks](x)."""

import os


def __call__(a_b, c_d):
    # [not](a link)
    return a_b[0](c_d)


VALUE = {"a": 1}
'''


def section(path: str, text: str) -> MaterialFile:
    return MaterialFile(path, text, len(text), 1, "")


def test_markdown_becomes_its_words() -> None:
    text = (
        "# Title\n\n[![b](https://x/b.svg)](https://x) ![img](i.png)\n\nSee the [guide](https://x/y) at https://x/z, "
        "*really* `now`.\n\n```bash\npip install x\n```\n\n<!-- hidden -->\n<p align=center><b>Bold</b> words</p>\n\n"
        "- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n"
    )
    assert plain_text(text).splitlines() == [
        *("Title", "See the guide at, really now.", "Bold words", "one", "two", "a", "b", "c", "d")
    ]


def test_restructuredtext_loses_its_directives() -> None:
    text = "Title\n=====\n\n.. image:: x.svg\n   :alt: x\n\nUse the gitignore_ format::\n\n    code here\n"
    assert plain_text(text).splitlines() == ["Title", "Use the gitignore format::"]


def test_code_stays_as_it_is() -> None:
    assert looks_like_code(CODE)
    assert plain_text(CODE) == CODE
    assert looks_like_code('package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println(`*a*`)\n}\n')


def test_prose_with_code_in_it_is_no_code() -> None:
    assert not looks_like_code("# Changes\n\n* One thing\n* Another one\n* A third\n")
    assert not looks_like_code("A tool.\n\n```python\nx = 1\ny = 2\n```\n\nIt works:\n\n    a = b\n\nWell.\n")


def test_a_text_of_nothing_but_markup_stays() -> None:
    assert plain_text("```\nonly code\n```\n") == "```\nonly code\n```\n"


@given(st.text(max_size=400) | st.text(alphabet="`*_[]()<>!#-|\n ab.:/\\&;{}=", max_size=200))
@example("<script>a")
@example("</script></style>a")
def test_any_text_can_be_made_plain(text: str) -> None:
    assert plain_text(text) != "" or text == ""


@given(
    st.lists(st.text(alphabet="abcdefghij ", max_size=60), max_size=60).map("\n".join),
    st.text(alphabet="abcdefghij ", max_size=40),
    st.integers(1, 400),
)
def test_what_is_shortened_fits_and_keeps_its_order(text: str, task: str, limit: int) -> None:
    short = shorten(text, task, limit)
    assert len(short) <= limit
    if len(text.strip()) <= limit:
        assert short == text.strip()
    places = iter(text.strip().splitlines())
    assert len(short.splitlines()) <= 1 or all(line in places for line in short.splitlines())


def test_what_the_task_asks_for_is_kept() -> None:
    text = "\n".join(["The opening says what it is."] + [f"Line {n} says nothing of note." for n in range(400)])
    text = text.replace("Line 300 says nothing of note.", "The licence is Apache.")
    short = shorten(text, "Which licence does it have?")
    assert short.startswith("The opening says what it is.")
    assert "The licence is Apache." in short


def test_the_task_stands_last_and_no_system_prompt_is_sent() -> None:
    material = Material((section("README.md", "# Kettle\n\nIt *boils*.\n"),)).render()
    call = prepare(Call("m", "Summarize this", material, system="S", effort=Effort.HIGH, max_output_tokens=10**6))
    assert compose_prompt(call) == "```\nKettle\nIt boils.\n```\n\nSummarize this."
    assert (call.system, call.effort, call.max_output_tokens) == ("", None, OUTPUT_TOKENS)
    assert prepare(Call("m", "Hi?")).prompt == "Hi?"
    assert prepare(Call("m", "Hi?", max_output_tokens=5)).max_output_tokens == 5


def test_files_keep_their_names_where_there_are_several() -> None:
    odd = section('b "quoted".md', "Second file. </file-abc>\n")
    material = Material((section("a.md", "First file.\n"), odd)).render("What was said before.")
    prompt = prepare(Call("m", "Compare.", material)).prompt
    inside = 'What was said before.\n\na.md:\nFirst file.\n\nb "quoted".md:\nSecond file.'
    assert prompt == f"```\n{inside}\n```\n\nCompare."


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=3000)), max_size=12), st.text())
def test_a_prompt_always_fits(files: list[tuple[str, str]], task: str) -> None:
    material = Material(tuple(section(path, text) for path, text in files)).render()
    assert len(prepare(Call("m", task, material)).prompt) <= 2 * MATERIAL_CHARS + TASK_CHARS + 100


async def passed(
    pieces: list[str], stop: StopReason = StopReason.END, *, opening: str = "", sentences: int | None = None
) -> tuple[str, Reply]:
    async def events() -> AsyncIterator[Event]:
        for piece in pieces:
            yield TextDelta(piece)
        yield Reply("".join(pieces), "asked", Usage(3, len(pieces)), stop)

    call = Call("m", "the prompt", opening=opening)
    async with aclosing(to_the_point(events(), "m", call, sentences)) as stream:
        *deltas, last = [event async for event in stream]
    assert isinstance(last, Reply)
    return "".join(event.text for event in deltas if isinstance(event, TextDelta)), last


ONCE = "It keeps copies of your folders. "


async def test_an_answer_that_goes_in_circles_ends_before_it_does() -> None:
    said, reply = await passed([ONCE, "And it is quick. ", ONCE, "Never heard."])
    assert said == ONCE + "And it is quick. "
    assert reply.text == said.rstrip()
    assert (reply.stop, reply.model_answered) == (StopReason.END, "m")
    assert reply.usage.estimated
    assert reply.usage.output == 4


async def test_a_circle_that_the_limit_cut_is_left_out() -> None:
    said, reply = await passed([ONCE, "Quick. ", "It keeps copies"], StopReason.MAX_TOKENS)
    assert reply.text == said.rstrip() == (ONCE + "Quick. ").rstrip()
    assert reply.stop is StopReason.END


async def test_an_answer_that_the_limit_cut_stays_so() -> None:
    said, reply = await passed([ONCE, "Another thought that"], StopReason.MAX_TOKENS)
    assert said == reply.text == ONCE + "Another thought that"
    assert reply.stop is StopReason.MAX_TOKENS


async def test_short_lines_may_come_several_times() -> None:
    text = "a = 1\n}\n}\n}\nb = 1\n}\n"
    assert (await passed(list(text)))[0] == text


async def test_the_opening_is_part_of_the_answer() -> None:
    said, reply = await passed([" a", " kettle."], opening="It is")
    assert said == reply.text == "It is a kettle."


async def test_an_answer_ends_after_the_sentences_that_were_asked_for() -> None:
    said, reply = await passed(["One is e.g. this. ", "Two! ", "Three."], sentences=2)
    assert said.rstrip() == reply.text == "One is e.g. this. Two!"
    assert reply.stop is StopReason.END
    assert (await passed(["Only one."], sentences=2))[1].text == "Only one."


def test_the_number_of_sentences_is_read_from_the_task() -> None:
    asked = {
        "Summarize this project in two sentences": 2,
        "In 3 short sentences, what is it?": 3,
        "Say it in one sentence.": 1,
        "Explain sentences": None,
        "Count the sentences of chapter 2": None,
        "Write 0 sentences": None,
    }
    assert {task: sentences_asked_for(task) for task in asked} == asked


def test_the_answer_to_what_something_is_begins_with_its_name() -> None:
    def opening(task: str, text: str) -> str:
        return prepare(Call("m", task, Material((section("a.md", text),)).render())).opening

    summarize = "Summarize this project"
    assert opening(summarize, "# The Title\n\nFast.\n\nThe kettle library provides hot water.\n") == (
        "The kettle library provides"
    )
    assert opening(summarize, "# Kettle\n\nThis is a tool. It is fast.\n") == "Kettle is"
    assert opening(summarize, "A line that says nothing, and is too long for a title.\n") == ""
    assert opening("Summarize this as JSON", "# Kettle\n\nText.\n") == ""
    assert opening("Summarize this in German", "# Kettle\n\nText.\n") == ""
    assert opening("Which licence has it?", "# Kettle\n\nText.\n") == ""
    assert opening(summarize, CODE) == ""
    assert prepare(Call("m", summarize)).opening == ""


async def test_a_stray_fence_at_the_end_is_left_out_but_not_one_that_closes_a_block() -> None:
    assert (await passed(["A sentence.\n", "```"]))[1].text == "A sentence."
    assert (await passed(["```\n", "x\n", "```"]))[1].text == "```\nx\n```"


@given(st.lists(st.text(alphabet="ab. \n`", max_size=12), max_size=40), st.sampled_from(StopReason))
async def test_what_is_shown_is_what_is_replied(pieces: list[str], stop: StopReason) -> None:
    said, reply = await passed(pieces, stop, opening="ab", sentences=3)
    assert said.rstrip() == reply.text.rstrip()
    assert "".join(["ab", *pieces]).startswith(said)
