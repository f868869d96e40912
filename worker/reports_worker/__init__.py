"""Celery workers that dispatch batches and analyse reports."""
