"""The default model itself: its weights are fetched once for the user and shared by later runs."""

from __future__ import annotations

import re
from contextlib import aclosing

import httpx2

from smista_mcp.context.material import Material, MaterialFile
from smista_mcp.providers.embedded import EMBEDDED_MODEL, Embedded
from smista_mcp.providers.types import Call, Reply, Target, Timeouts

README = """\
<p align="center"><a href="https://example.org"><img src="https://example.org/logo.png" alt="Kettle"></a></p>

# Kettle

[![Build](https://example.org/build.svg)](https://example.org/build) [![License](https://example.org/mit.svg)](LICENSE)

**Kettle** is a small command line tool that makes backup copies of folders. It copies only the files that have changed
since the last backup, compresses them, and [encrypts](docs/encryption.md) them with a password of your choice.

> [!NOTE]
> Kettle works on Linux, macOS and Windows.

## Installation

```bash
pip install kettle
```

## Usage

Backups are kept on a local disk or on a server that is reached over SSH. A schedule can be set, so that a backup is
made every night. Old backups are deleted when the disk is nearly full.

```bash
kettle backup ~/Documents --to ssh://server/backups
```

## License

Kettle is released under the MIT License.
"""


async def reply_to(client: httpx2.AsyncClient, task: str, material: str = "") -> Reply:
    embedded = Embedded()
    call = Call(EMBEDDED_MODEL, task, material, system="Answer with the result alone.", max_output_tokens=2000)
    async with aclosing(embedded.stream(client, Target("embedded:", None, {}), call, Timeouts())) as events:
        last = [event async for event in events][-1]
    await embedded.aclose()
    assert isinstance(last, Reply)
    return last


async def test_a_readme_is_summarised_in_words_about_it(client: httpx2.AsyncClient) -> None:
    files = (MaterialFile("README.md", README, len(README), 400, ""),)
    reply = await reply_to(client, "Summarize this project in two sentences", Material(files).render())
    assert reply.model_answered == EMBEDDED_MODEL
    assert reply.text.startswith("Kettle is")
    assert "back" in reply.text.lower()
    words, known = (set(re.findall(r"[a-z]{5,}", text.lower())) for text in (reply.text, README))
    assert len(words & known) >= len(words) / 2
    sentences = [sentence for sentence in re.split(r"(?<=[.!?])\s+", reply.text) if sentence]
    assert 1 <= len(sentences) <= 2
    for markup in ("](", "```", "<img", "**"):
        assert markup not in reply.text


async def test_a_question_without_material_is_answered(client: httpx2.AsyncClient) -> None:
    reply = await reply_to(client, "What is a mutex?")
    assert "thread" in reply.text
    assert reply.usage.output > 0
