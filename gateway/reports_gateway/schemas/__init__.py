"""The JSON of requests and responses, and its translation from and to the contract's messages."""

__all__: list[str] = []
