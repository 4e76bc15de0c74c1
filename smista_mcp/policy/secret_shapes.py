"""How a reference to a secret is written, and how a secret itself looks.

A policy holds references only. What looks like a secret is refused wherever it stands in the file, and masked in
every message.
"""

from __future__ import annotations

import re
from typing import Final

REFERENCE: Final = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|keyring:[^\s{}][^{}\r\n]*|file:[^\s{}][^{}\r\n]*)\}")
"""One reference: ``${env:NAME}``, ``${keyring:NAME}`` or ``${file:PATH}``."""

_SCHEME_AND_REFERENCE: Final = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]{0,19} )?" + REFERENCE.pattern)

# Published prefixes of the vendors' keys. What follows a prefix must be long enough to be a key and no word.
_SHAPES: Final = re.compile(
    r"""
    (?<![A-Za-z0-9])
    (?:
        sk-[A-Za-z0-9_-]{16,}             # OpenAI, Anthropic, DeepSeek, OpenRouter and many more
      | AIza[A-Za-z0-9_-]{30,}            # Google
      | gsk_[A-Za-z0-9]{20,}              # Groq
      | xai-[A-Za-z0-9]{20,}              # xAI
      | pplx-[A-Za-z0-9]{20,}             # Perplexity
      | csk-[A-Za-z0-9]{20,}              # Cerebras
      | fw_[A-Za-z0-9]{20,}               # Fireworks
      | hf_[A-Za-z0-9]{20,}               # Hugging Face
      | r8_[A-Za-z0-9]{20,}               # Replicate
      | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}
      | gh[pousr]_[A-Za-z0-9]{20,}        # GitHub
      | github_pat_[A-Za-z0-9_]{20,}
      | glpat-[A-Za-z0-9_-]{16,}          # GitLab
      | xox[abeprs]-[A-Za-z0-9-]{10,}     # Slack
      | (?:AKIA|ASIA)[A-Z0-9]{16}         # AWS
      | eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?
      | -----BEGIN[ ](?:[A-Z0-9]+[ ])*PRIVATE[ ]KEY-----
    )
    """,
    re.VERBOSE,
)
_ONE_LONG_RUN: Final = re.compile(r"[A-Za-z0-9]{16}")


def is_reference(text: str) -> bool:
    """Whether `text` is one reference to a secret and nothing else."""
    return REFERENCE.fullmatch(text) is not None


def is_header_reference(text: str) -> bool:
    """Whether `text` is a reference, at most with a scheme before it: ``Bearer ${env:NAME}``."""
    return _SCHEME_AND_REFERENCE.fullmatch(text) is not None


def looks_secret(text: str) -> bool:
    """Whether anything in `text` has the shape of a vendor's key, a token or a private key."""
    return any(_is_no_word(found.group()) for found in _SHAPES.finditer(text))


def masked(text: str) -> str:
    """`text` with everything that has such a shape replaced by ``***``."""
    return _SHAPES.sub(lambda found: "***" if _is_no_word(found.group()) else found.group(), text)


def _is_no_word(found: str) -> bool:
    # "sk-" also begins honest names ("sk-translations-and-more"): a key has digits, capitals or one long run.
    if not found.startswith("sk-"):
        return True
    rest = found[3:]
    return any(char.isdigit() or char.isupper() for char in rest) or _ONE_LONG_RUN.search(rest) is not None
