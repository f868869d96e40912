"""The subcommands about webhooks: show, set, rotate-secret, deliveries, redeliver."""

from __future__ import annotations

import argparse

from fna.reports.cli.exits import Exit
from fna.reports.cli.session import Session
from fna.reports.cli.tables import DELIVERY_TABLE, delivery_row, print_table
from fna.reports.cli.text import delivery_text, webhook_text


def show(session: Session, _: argparse.Namespace) -> Exit:
    """Print the settings."""
    settings = session.client.get_webhook_settings()
    session.print(settings, webhook_text(settings))
    return Exit.OK


def set_url(session: Session, arguments: argparse.Namespace) -> Exit:
    """Set the URL and print the settings."""
    settings = session.client.set_webhook_url(arguments.url)
    session.print(settings, webhook_text(settings))
    return Exit.OK


def rotate_secret(session: Session, _: argparse.Namespace) -> Exit:
    """Make a new secret and print it."""
    rotated = session.client.rotate_webhook_secret()
    session.print(rotated, [rotated.secret])
    session.note("Keep it where the receiver of the webhooks finds it: it is not shown again.")
    return Exit.OK


def deliveries(session: Session, arguments: argparse.Namespace) -> Exit:
    """Print the webhooks of a batch."""
    found = session.client.list_webhook_deliveries(arguments.batch_id)
    print_table(session, DELIVERY_TABLE, ((delivery, delivery_row(delivery)) for delivery in found))
    return Exit.OK


def redeliver(session: Session, arguments: argparse.Namespace) -> Exit:
    """Deliver a webhook again and print it."""
    delivery = session.client.redeliver_webhook(arguments.batch_id, arguments.delivery_id)
    session.print(delivery, delivery_text(delivery))
    return Exit.OK
