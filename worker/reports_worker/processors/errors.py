"""Why a document cannot be analysed."""

from __future__ import annotations

from reports_worker.processor import DocumentError


def empty() -> DocumentError:
    return DocumentError("EMPTY", "The document is empty: upload the report's file again.")


def no_narrative() -> DocumentError:
    return DocumentError(
        "NO_NARRATIVE",
        "The document has no substantial text: no section has at least 100 characters of sentences. "
        "Upload a report with narrative, not tables or forms alone.",
    )


def image_only() -> DocumentError:
    return DocumentError(
        "IMAGE_ONLY",
        "The document consists of images without text, probably a scan: run text recognition (OCR) on it "
        "or upload the original file.",
    )


def password_protected() -> DocumentError:
    return DocumentError(
        "PASSWORD_PROTECTED",
        "The document needs a password to be opened: remove the password and upload it again.",
    )


def corrupt(detail: str) -> DocumentError:
    return DocumentError(
        "CORRUPT",
        f"The document is damaged or incomplete ({detail}): download it again from its source and upload that copy.",
    )


def unsupported_type(found: str, remedy: str = "upload it as PDF, HTML, iXBRL, DOCX or plain text") -> DocumentError:
    return DocumentError("UNSUPPORTED_TYPE", f"The document is {found}, which cannot be analysed: {remedy}.")


def too_large(size: int, limit: int) -> DocumentError:
    return DocumentError(
        "TOO_LARGE",
        f"The document has {size:,} bytes and at most {limit:,} are allowed: "
        "upload the main document without exhibits and images.",
    )


def not_english() -> DocumentError:
    return DocumentError(
        "NOT_ENGLISH",
        "The document is not in English, the only language that is analysed: upload the English version.",
    )


def limit_exceeded(what: str) -> DocumentError:
    return DocumentError(
        "LIMIT_EXCEEDED",
        f"The document has {what}: export it again from its source, or split it into parts.",
    )
