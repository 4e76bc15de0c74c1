"""What is assumed of a model where the catalog does not know."""

from __future__ import annotations

from typing import Final

ASSUMED_WINDOW: Final = 8192
"""Tokens that a model whose window nobody knows is taken to have: the least that current models offer."""

LEAST_OUTPUT: Final = 512
"""Tokens that must be left for the answer where the caller states no need of its own."""
