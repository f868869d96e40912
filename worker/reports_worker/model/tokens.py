"""Counting tokens without the model's tokenizer: estimates that are rather too high, corrected by what is counted."""

from __future__ import annotations

# English prose has 4 to 5 bytes a token, figures and names fewer.
_FEWEST_BYTES = 3
_MOST_BYTES = 8


def estimate(text: str) -> int:
    """Return a number of tokens that `text` hardly exceeds, whatever the tokenizer."""
    return -(-_size(text) // _FEWEST_BYTES)


def least(text: str) -> int:
    """Return a number of tokens that `text` hardly falls below."""
    return _size(text) // _MOST_BYTES


def characters(tokens: int) -> int:
    """Return a number of characters that has at most so many tokens by the estimate, whichever they are."""
    return max(1, tokens * _FEWEST_BYTES // 4)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


class Budget:
    """Tokens that one report may still use."""

    def __init__(self, tokens: int) -> None:
        self._left = tokens

    def allows(self, tokens: int) -> bool:
        return tokens <= self._left

    def spend(self, tokens: int) -> None:
        """Take tokens away; a negative number gives back what an estimate was too high by."""
        self._left -= tokens
