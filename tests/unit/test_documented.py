"""What a page says that a command prints is compared in a way that a wrong line does not pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.documented import blocks, misfit

PAGE = """# Page

```bash
echo one
echo two
```

```
one
...
```

Text.

```bash
NAME=value
```

```json
{"not": "a command"}
```
"""

PRINTED = ["{", '  "id": "7a1f",', '  "status": "DONE",', '  "last": 4', "}"]

FITS = [
    PRINTED,
    ["..."],
    ["{", "...", "}"],
    ["{", '  "id": "...",', "...", "}"],
    ["...", '  "status": "...",', '  "last": 4', "..."],
    ["...", *PRINTED, "..."],
    ["{", "...", "...", "}"],
]

MISFITS = [
    (["{", "}"], "}"),
    (PRINTED[:-1], "nothing more, but: }"),
    ([*PRINTED, "more"], "more"),
    (["...", '  "status": "FAILED",', "..."], '  "status": "FAILED",'),
    (["{", "...", '  "last": 5', "}"], '  "last": 5'),
    (["...", '  "last": 4', '  "id": "...",', "..."], '  "id": "...",'),
    (["{", "...", '  "id": "7a1f",...', "..."], '  "id": "7a1f",...'),
    (["..."] * 2 + ["more"], "more"),
    ([], "nothing more, but: {"),
]


@pytest.mark.parametrize("shown", FITS)
def test_lines_in_their_place_fit(shown: list[str]) -> None:
    assert misfit(shown, PRINTED) is None


@pytest.mark.parametrize(("shown", "named"), MISFITS)
def test_a_line_out_of_place_is_named(shown: list[str], named: str) -> None:
    assert misfit(shown, PRINTED) == named


def test_nothing_shown_fits_nothing_printed_alone() -> None:
    assert misfit([], []) is None
    assert misfit(["..."], []) is None
    assert misfit(["one"], []) == "one"


def test_commands_are_read_with_what_they_print(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    first, second = blocks(page)
    assert (first.line, first.code, first.shown, first.certain) == (3, "echo one\necho two\n", ["one", "..."], [0])
    assert (second.line, second.code, second.shown) == (15, "NAME=value\n", [])
    assert first.misfit("one \ntwo\n\n") is None
    assert first.misfit("two\n") == "one"
    assert second.misfit("anything") == "nothing more, but: anything"
