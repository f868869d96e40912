"""The routes of the REST interface, one module for each resource."""

__all__: list[str] = []
