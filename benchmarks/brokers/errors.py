"""What keeps a figure from being measured."""


class NotMeasured(Exception):
    """Leave the figure out and show the message as the reason."""
