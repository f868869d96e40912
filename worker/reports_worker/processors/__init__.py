"""What happens to a report's document: text, sections, scores, themes, risk indicators and tagged facts."""

from reports_worker.processors.pipeline import MODEL_VERSION, analyse

__all__ = ["MODEL_VERSION", "analyse"]
