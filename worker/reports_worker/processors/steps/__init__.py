"""The steps of an analysis, each under its name: what it takes and what it makes of it."""

from reports_worker.processors.steps import ixbrl_parsing, sentiment_analysis, text_extraction, validation

__all__ = ["ixbrl_parsing", "sentiment_analysis", "text_extraction", "validation"]
