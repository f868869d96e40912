"""Commands that a page of the documentation shows, with what it says that they print."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ANYTHING = "..."
"""A line of its own: any number of lines; within a line: one character or more of it."""
_BEGIN = "=== the block at line "
_BLOCK = re.compile(r"^```bash\n(?P<code>.*?)^```$(?:\n\n```\n(?P<shown>.*?)^```$)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A ```bash block, the line of the page at which it begins, and the lines of the plain block that follows it.

    Where none follows, the commands print nothing.
    """

    line: int
    code: str
    shown: Sequence[str]

    @property
    def certain(self) -> Sequence[int]:
        """Where the lines are that are more than `...`."""
        return [index for index, line in enumerate(self.shown) if line.replace(ANYTHING, "").strip()]

    def misfit(self, printed: str) -> str | None:
        """Return the first line of the page that what was printed does not have in its place; None when all fits."""
        return misfit(self.shown, lines(printed))


def blocks(page: Path) -> Iterator[Block]:
    """Yield the commands of a page in their order."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        yield Block(text.count("\n", 0, found.start()) + 1, found["code"], lines(found["shown"] or ""))


def lines(text: str) -> list[str]:
    """Return the lines without what is not seen: blanks at the end of lines, and empty lines before and after all."""
    seen = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
    return seen.split("\n") if seen else []


def run(
    page: Sequence[Block], given: Mapping[str, str], environment: Mapping[str, str], folder: Path, seconds: float
) -> list[str]:
    """Run the blocks in one shell and return what each printed, on standard output and error.

    `given` are the values of variables that the page exports as an example.
    """
    script = "set -euo pipefail\n" + "".join(f"echo '{_BEGIN}{block.line}'\n{block.code}" for block in page)
    for name, value in given.items():
        script, count = re.subn(rf"^export {name}=.*$", f"export {name}='{value}'", script, flags=re.MULTILINE)
        assert count == 1, f"the page exports {name} {count} times"
    done = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, f"exit status {done.returncode} after:\n{done.stdout[-4000:]}"
    printed = done.stdout.split(_BEGIN)[1:]
    return [text.partition("\n")[2] for text in printed]


def assert_shown(path: Path, page: Sequence[Block], printed: Sequence[str]) -> None:
    """Demand that each block printed what the page shows, and that none of what it shows could be anything else."""
    misfits = {
        f"line {block.line}": (wrong, text)
        for block, text in zip(page, printed, strict=True)
        if (wrong := block.misfit(text)) is not None
    }
    assert not misfits, "\n".join(
        f"{path.name}, {place}: {wrong!r} does not fit\n{text}" for place, (wrong, text) in misfits.items()
    )
    for block, text in zip(page, printed, strict=True):
        _assert_a_wrong_line_would_fail(block, text)


def misfit(shown: Sequence[str], printed: Sequence[str]) -> str | None:
    """Return the first of the lines shown that does not fit what was printed, or what came after all of them."""
    at, position, furthest, resume = 0, 0, 0, None
    while position < len(printed):
        furthest = max(furthest, at)
        if at < len(shown) and shown[at] == ANYTHING:
            resume = (at, position)
            at += 1
        elif at < len(shown) and _fits(shown[at], printed[position]):
            at, position = at + 1, position + 1
        elif resume:
            # The last `...` takes a line more: what those before it took cannot matter any longer.
            resume = (resume[0], resume[1] + 1)
            at, position = resume[0] + 1, resume[1]
        else:
            return shown[furthest] if furthest < len(shown) else f"nothing more, but: {printed[position]}"
    complete = all(line == ANYTHING for line in shown[at:])
    return None if complete else shown[max(furthest, at)]


def _fits(shown: str, printed: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, shown.split(ANYTHING))), printed) is not None


def _assert_a_wrong_line_would_fail(block: Block, printed: str) -> None:
    """Demand that what the page shows says something, and that none of it could be anything else."""
    assert block.certain or not block.shown, f"line {block.line} shows nothing but `...`"
    for index in block.certain:
        wrong = [*block.shown[:index], f"{block.shown[index]}, not", *block.shown[index + 1 :]]
        assert Block(block.line, block.code, wrong).misfit(printed), f"line {block.line}: {wrong[index]!r} fits too"
