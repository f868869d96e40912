"""An optional language model that reviews the narrative of a report; nothing else of an analysis follows from it."""

from reports_worker.model.reviewer import Reviewed, Reviewer
from reports_worker.model.settings import ModelSettings

__all__ = ["ModelSettings", "Reviewed", "Reviewer"]
