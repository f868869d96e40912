"""Celery on five brokers: ours, two others on PostgreSQL, Redis and RabbitMQ."""

from benchmarks.brokers.command import HELP, add_arguments, run

__all__ = ["HELP", "add_arguments", "run"]
