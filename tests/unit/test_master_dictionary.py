"""A user's own list in the form of the Loughran-McDonald master dictionary; these words are not from that list."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports_core.settings import SettingsError, load
from reports_worker.processors import MODEL_VERSION, analyse, lexicon
from reports_worker.processors.master_dictionary import check
from reports_worker.settings import WorkerSettings
from tests.unit.processors_documents import PROSE
from tests.unit.processors_tone import said

COLUMNS = (
    "Word,Seq_num,Word Count,Negative,Positive,Uncertainty,Litigious,Strong_Modal,Weak_Modal,Constraining,Syllables"
)
ROWS = (
    "MOLDY,1,10,2009,0,0,0,0,0,0,2",
    "SPARKLING,2,10,0,2009,0,0,0,0,0,2",
    "MAYHAP,3,10,0,0,2011,0,0,2011,0,2",
    "SOLICITORIAL,4,10,0,0,0,2009,0,0,0,6",
    "FETTERED,5,10,0,0,0,0,0,0,2009,2",
    "IMPAIRMENT,6,10,-2020,0,0,0,0,0,0,3",
    "TABLE,7,10,0,0,0,0,0,0,0,2",
)


def written(folder: Path, *lines: str, name: str = "master.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(name="path")
def master_dictionary(tmp_path: Path) -> Path:
    return written(tmp_path, COLUMNS, *ROWS)


def test_its_words_stand_in_place_of_ours(path: Path) -> None:
    assert said("The bread was moldy.", path).negative == 1
    assert said("The water was sparkling.", path).positive == 1
    assert said("Mayhap it rains.", path).uncertainty == 1
    assert said("It was solicitorial and fettered.", path).risk == 1
    assert said("It was an impairment.", path).negative == 0
    assert said("The result was excellent.", path).positive == 0


def test_our_phrases_negations_and_movements_stay(path: Path) -> None:
    assert said("There is substantial doubt.", path).negative == 2
    assert said("The bread was not moldy.", path).negative == 0
    assert said("Revenue fell.", path).negative == 1
    assert said("The loss per share is shown.", path).negative == 0


def test_scores_of_another_lexicon_have_another_model_version(path: Path) -> None:
    def version(lexicon_file: Path | None) -> str:
        return analyse(PROSE.encode(), "OTHER", lambda step, fraction: None, lexicon_file).analysis.model_version

    assert version(path) == f"{MODEL_VERSION}+lm"
    assert version(None) == MODEL_VERSION


def test_a_list_is_read_once(path: Path) -> None:
    assert lexicon.load(path) is lexicon.load(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("word;negative", "moldy;1"), "has no column Word, Negative"),
        ((COLUMNS.replace("Weak_Modal,", ""), "MOLDY,1,10,2009,0,0,0,0,0,2"), "has no column Weak_Modal"),
        ((COLUMNS,), "lists no words"),
        ((COLUMNS, "MOLDY,1,10,yes,0,0,0,0,0,0,2"), "line 2: a category of 'MOLDY' is neither a year nor 0"),
        ((COLUMNS, "MOLDY,1,10"), "line 2: the row has only 3 columns"),
        ((COLUMNS, "4711,1,10,2009,0,0,0,0,0,0,2"), "line 2: '4711' is no word"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, lines: tuple[str, ...], message: str) -> None:
    path = written(tmp_path, *lines)
    with pytest.raises(ValueError, match=message):
        check(path)
    with pytest.raises(ValueError, match=r"no column|no word|only 3 columns|neither a year nor 0"):
        lexicon.load(path)


def test_a_missing_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        check(tmp_path / "nowhere.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(COLUMNS.encode() + b"\n\xff\xfe\x00\x00\n")
    with pytest.raises(ValueError, match="is no CSV file in UTF-8"):
        check(binary)


def test_a_worker_refuses_it_when_it_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://fna:secret@localhost:5432/fna_reports")
    monkeypatch.setenv("FNA_REPORTS_LEXICON_FILE", str(path))
    assert load(WorkerSettings).lexicon_file == path
    monkeypatch.setenv("FNA_REPORTS_LEXICON_FILE", str(written(tmp_path, "a,b", name="other.csv")))
    with pytest.raises(SettingsError, match=r"FNA_REPORTS_LEXICON_FILE.*no Loughran-McDonald master dictionary"):
        load(WorkerSettings)
