"""The examples in the docstrings of the Python client do what they show."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from fna.reports import async_client, client, webhooks
from tests.support.stack import Stack

DOCUMENTED = "127.0.0.1:50051"
LETTER = "Sales grew strongly, margins improved, and we expect another excellent year.\n" * 3


@pytest.mark.parametrize("module", [client, async_client, webhooks], ids=lambda module: module.__name__)
def test_the_examples_of_a_module_print_what_they_show(
    module: object, working_stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "letter.txt").write_text(LETTER)
    monkeypatch.chdir(tmp_path)
    examples = 0
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    printed: list[str] = []
    for found in doctest.DocTestFinder(exclude_empty=True).find(module):
        for example in found.examples:
            example.source = example.source.replace(DOCUMENTED, working_stack.grpc_address)
        examples += len(found.examples)
        runner.run(found, out=printed.append)
    assert examples
    assert not runner.summarize(verbose=False).failed, "".join(printed)
