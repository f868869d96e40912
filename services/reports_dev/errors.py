"""What goes wrong when FNA Reports is run on one machine.

DevelopmentError
├── EmbeddedPostgresError
└── ProcessError
"""


class DevelopmentError(Exception):
    """Show the message to the user: it names the cause and the remedy."""


class EmbeddedPostgresError(DevelopmentError):
    """The embedded PostgreSQL did not start or stop; the message ends with its log where that helps."""


class ProcessError(DevelopmentError):
    """A process ended early, or did not become ready in time; the message ends with its output."""
