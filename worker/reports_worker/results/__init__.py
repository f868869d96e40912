"""Celery's result backend on PostgreSQL: its own tables and names, results as JSON text that psql shows."""

from reports_worker.results.backend import PostgresqlBackend
from reports_worker.results.errors import BatchNotSuccessful, DatabaseUnreachable

__all__ = ["BatchNotSuccessful", "DatabaseUnreachable", "PostgresqlBackend"]
