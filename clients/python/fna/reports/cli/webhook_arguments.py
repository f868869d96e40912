"""The arguments of the subcommands about webhooks."""

from __future__ import annotations

from fna.reports.cli import values, webhook
from fna.reports.cli.commands import Commands, add_batch, add_command, add_group


def add_webhook_commands(commands: Commands) -> None:
    """Add webhook and its subcommands."""
    group = add_group(
        commands,
        "webhook",
        "set where webhooks go, and see how their delivery went",
        "webhook rotate-secret\nwebhook set https://example.com/hooks\nwebhook deliveries BATCH_ID",
    )
    add_command(group, "show", webhook.show, "print where webhooks go", "webhook show")
    command = add_command(
        group,
        "set",
        webhook.set_url,
        "set where webhooks go from now on, unless a batch says otherwise",
        "webhook set https://example.com/hooks\nwebhook set ''    # nowhere",
    )
    command.add_argument("url", metavar="URL", help="an https or http URL; empty for nowhere")
    add_command(
        group,
        "rotate-secret",
        webhook.rotate_secret,
        "make a new secret to verify webhooks with and print it, this once; for a day the previous one is valid too",
        "webhook rotate-secret\nwebhook rotate-secret --json | jq -r .secret",
    )
    command = add_command(
        group, "deliveries", webhook.deliveries, "list the webhooks of a batch", "webhook deliveries BATCH_ID"
    )
    add_batch(command)
    command = add_command(
        group, "redeliver", webhook.redeliver, "deliver a webhook again", "webhook redeliver BATCH_ID DELIVERY_ID"
    )
    add_batch(command)
    command.add_argument("delivery_id", type=values.uuid, metavar="DELIVERY_ID")
