"""Analyses reports in a process of its own, which a document may bring down without harm to the worker."""

from reports_worker.analyser.analyser import Analyser, check
from reports_worker.analyser.errors import AnalyserUnusable, AnalysisFailed
from reports_worker.analyser.limits import Limits

__all__ = ["Analyser", "AnalyserUnusable", "AnalysisFailed", "Limits", "check"]
