"""The optional language model: reviews narratives over HTTP, and changes nothing else of an analysis."""

from reports_worker.model.reviewer import Reviewed, Reviewer, reviewer
from reports_worker.model.settings import ModelSettings

__all__ = ["ModelSettings", "Reviewed", "Reviewer", "reviewer"]
