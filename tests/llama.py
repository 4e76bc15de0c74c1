"""A real llama.cpp for tests: a GGUF made on the spot, and llama.cpp's own HTTP server over it in a child process.

The weights are tiny, so that the server is up in well under a second and a call takes milliseconds; the server,
its tokenizer, its chat template handling and its wire formats are the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
END = 2
"""Id of the token that ends an answer."""


def _byte_tokens() -> list[str]:
    """The 256 printable stand-ins that byte-level BPE writes bytes as."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = iter(range(256))
    return [chr(byte) if byte in plain else chr(256 + next(rest)) for byte in range(256)]


def tiny_gguf(path: Path, *, says: str | None = None, context: int = 4096, name: str = "tiny") -> Path:
    """Write a llama-architecture model of a few hundred kilobytes to `path` and return it.

    Without `says` the weights are random (and the same every time): the model babbles printable ASCII until the limit
    on output tokens, so a reply stops with ``length``. With `says` the weights are set so that the model answers
    whatever it is asked with exactly that text, a token a word, and then ends: a reply stops with ``stop``.
    """
    width, heads, inner = 64, 4, 64
    random = np.random.default_rng(7)
    symbols = [*_byte_tokens(), "th"]
    words: list[str] = []  # llama.cpp takes tokens of the kind that users define as they are
    if says is not None:
        words = [word if place == 0 else " " + word for place, word in enumerate(says.split(" "))]
        if len(set(words)) != len(words):
            raise ValueError("every word may stand only once: the next word is chosen by the last one alone")
        width = -(-(len(words) + 1) // 64) * 64
    tokens = [*SPECIAL, *symbols, *words]
    kind = gguf.TokenType
    kinds = [kind.CONTROL] * len(SPECIAL) + [kind.NORMAL] * len(symbols) + [kind.USER_DEFINED] * len(words)

    def noise(*shape: int) -> np.ndarray:
        return np.asarray(random.standard_normal(shape) / np.sqrt(shape[-1]), np.float32)

    blank = says is not None
    embedding, output = noise(len(tokens), width), noise(len(tokens), width) * 20
    if blank:
        # One dimension a state: everything before the answer is state 0, the answer's n-th word is state n.
        embedding[:], output[:] = 0, 0
        embedding[:, 0] = 1
        first = len(SPECIAL) + len(symbols)
        for state, token in enumerate(range(first, first + len(words)), start=1):
            embedding[token] = 0
            embedding[token, state] = 1
            output[token, state - 1] = 10
        output[END, len(words)] = 10
    else:
        # Only printable ASCII is ever likely: whatever is babbled is text, and never the end.
        output[: len(SPECIAL)] = 0
        for byte in (*range(32), *range(127, 257)):
            output[len(SPECIAL) + byte] = 0

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(name)
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_rope_dimension_count(width // heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["t h"])  # llama.cpp insists on at least one
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("output.weight", output)
    scale = 0 if blank else 1
    for part, shape in {
        "attn_q": (width, width),
        "attn_k": (width, width),
        "attn_v": (width, width),
        "attn_output": (width, width),
        "ffn_gate": (inner, width),
        "ffn_up": (inner, width),
        "ffn_down": (width, inner),
    }.items():
        writer.add_tensor(f"blk.0.{part}.weight", noise(*shape) * scale)
    writer.add_tensor("blk.0.attn_norm.weight", np.ones(width, np.float32))
    writer.add_tensor("blk.0.ffn_norm.weight", np.ones(width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@dataclass(frozen=True)
class LlamaServer:
    """A running server. As text it is its base URL, e.g. ``http://127.0.0.1:40123``."""

    url: str
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """The process to stop or kill; ``kill()`` and friends are on `process`."""
        return self.process.pid

    def __str__(self) -> str:
        return self.url

    def busy(self) -> int:
        """How many calls the server is working on this moment, by its own ``/slots``."""
        with urllib.request.urlopen(f"{self.url}/slots", timeout=10) as reply:  # always on loopback
            return sum(slot["is_processing"] for slot in json.load(reply))


@contextmanager
def llama_server(gguf: Path, **params: Any) -> Iterator[LlamaServer]:
    """Serve `gguf` on a free port of loopback from a child process for as long as the context lasts.

    It speaks ``/v1/chat/completions`` and ``/v1/messages`` (and ``/v1/responses``, ``/v1/models``, ``/slots``).
    `params` are attributes of llama.cpp's parameters, ``__`` for the dot: ``n_ctx=512``, ``api_keys=["k"]``,
    ``model_alias=["name"]`` (default: the file's stem), ``n_parallel=1``, ``sampling__temp=0``.
    Without a limit in the call an answer has at most 64 tokens (``n_predict``).
    """
    settings = {"n_ctx": 2048, "n_parallel": 2, "n_predict": 64, "model_alias": [gguf.stem], **params}
    child = subprocess.Popen(
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps({"gguf": str(gguf), "settings": settings}) + "\n")
        child.stdin.flush()
        url = child.stdout.readline().strip()
        if not url:
            raise RuntimeError(f"llama.cpp does not serve {gguf} with {settings}")
        yield LlamaServer(url, child)
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def _serve() -> None:
    """The child: parameters on standard input, the address on standard output, until the input closes."""
    from xllamacpp import CommonParams, Server

    order = json.loads(sys.stdin.readline())
    params = CommonParams()
    params.model.path = order["gguf"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.warmup = False
    params.endpoint_slots = True
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    for name, value in order["settings"].items():
        *owners, last = name.split("__")
        owner: Any = params
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, last, value)
    told = os.dup(1)
    os.dup2(2, 1)  # llama.cpp logs to standard output too
    server = Server(params)
    os.write(told, f"{server.listening_address}\n".encode())
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve()
