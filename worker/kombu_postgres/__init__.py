"""A transport for kombu that makes PostgreSQL a broker: nothing lost, nothing polled, nothing else needed."""

from kombu.transport import TRANSPORT_ALIASES

from kombu_postgres.message import Message
from kombu_postgres.pooler import PoolerError
from kombu_postgres.publishing import Wakeup, publish
from kombu_postgres.schema import SchemaError
from kombu_postgres.transport import Transport

__all__ = ["Message", "PoolerError", "SchemaError", "Transport", "Wakeup", "publish"]

# For what looks the scheme of a URL up without `broker_transport`: `inspect conf` and `celery report`.
for _scheme in ("postgresql", "postgres"):
    TRANSPORT_ALIASES.setdefault(_scheme, "kombu_postgres:Transport")
