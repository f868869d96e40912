"""The REST gateway: translates HTTP and JSON to the gRPC services and owns nothing."""

__all__: list[str] = []
