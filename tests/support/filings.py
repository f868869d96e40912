"""The real filings, beside the repository on some machines, and how those that harm careless readers must end."""

from __future__ import annotations

from pathlib import Path

FILINGS = Path(__file__).parents[2].parent / "shared/filings"
HOSTILE_ENDS = {
    "8k_walmart_1995_utf16.txt": "ANALYSED",
    "concatenated_four_10k_over_10mb.htm": "ANALYSED",
    "corrupted_stream.pdf": "ANALYSED",
    "cp1252.html": "NOT_ENGLISH",
    "deep_nesting.html": "LIMIT_EXCEEDED",
    "empty_0_bytes.txt": "EMPTY",
    "entity_expansion.xhtml": "NO_NARRATIVE",
    "evil_xobjects_cycle.pdf": "ANALYSED",
    "external_entity.xhtml": "NO_NARRATIVE",
    "flate_bomb_300mb.pdf": "LIMIT_EXCEEDED",
    "fuzzed_poppler_90.pdf": "ANALYSED",
    "giant_page_bomb.pdf": "NO_NARRATIVE",
    "html_named.pdf": "ANALYSED",
    "html_no_body.html": "ANALYSED",
    "not_english_mixed.txt": "NOT_ENGLISH",
    "nul_bytes_8k.txt": "ANALYSED",
    "password_owner_only.pdf": "NO_NARRATIVE",
    "password_protected_2.pdf": "PASSWORD_PROTECTED",
    "password_user.pdf": "PASSWORD_PROTECTED",
    "pdf_named.htm": "ANALYSED",
    "scan_image_only.pdf": "IMAGE_ONLY",
    "tables_only.pdf": "NO_NARRATIVE",
    "truncated_10k.pdf": "CORRUPT",
    "truncated_10q_mid_tag.htm": "ANALYSED",
    "utf16_bom.txt": "ANALYSED",
    "whitespace_only.txt": "EMPTY",
    "xref_missing.pdf": "NO_NARRATIVE",
}
"""By the name of the file in the folder `hostile`: an analysis, or the reason for which there is none."""

_REPORT_TYPES = {"10k": "10_K", "10q": "10_Q", "8k": "8_K", "20f": "ANNUAL", "earnings": "8_K"}


def names() -> list[str]:
    """Return the names of the filings, without the hostile ones."""
    return sorted(path.name for path in FILINGS.iterdir() if path.suffix in {".htm", ".txt", ".pdf"})


def report_type_of(filing: str) -> str:
    """Return the type under which a filing would be registered, by the name of its file."""
    return _REPORT_TYPES.get(filing.split("_", maxsplit=1)[0], "OTHER")
