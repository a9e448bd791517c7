"""The ClickHouse client, made when it is first needed: without ClickHouse, other reads go on."""

from __future__ import annotations

from threading import Lock

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from projections.movements.inserts import clickhouse_outages

CONNECT_SECONDS_MAX = 3
ANSWER_SECONDS_MAX = 30


class ClickHouse:
    """Thread-safe: queries carry no session, so they may run side by side."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._client: Client | None = None

    def client(self) -> Client:
        """Raises StoreUnavailableError when there is none yet and none can be made."""
        with self._lock:
            if self._client is None:
                with clickhouse_outages():
                    self._client = clickhouse_connect.get_client(
                        dsn=self._url,
                        autogenerate_session_id=False,
                        connect_timeout=CONNECT_SECONDS_MAX,
                        send_receive_timeout=ANSWER_SECONDS_MAX,
                        client_name="backstock-api",
                    )
            return self._client

    def check(self) -> None:
        """Raises StoreUnavailableError unless it answers."""
        with clickhouse_outages():
            self.client().command("SELECT 1")

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
