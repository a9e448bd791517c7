"""All configuration, typed, read from the environment: BACKSTOCK_ and the field's name."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be set. A secret does not show in messages; `get_secret_value()` returns it."""

    model_config = SettingsConfigDict(
        env_prefix="BACKSTOCK_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    data: Path = Field(
        default=Path(".backstock"),
        description="Data directory of the embedded stack",
    )
    postgres_dsn: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL of your own, as its administrator: "
        "postgresql://user:password@host:port/database",
    )
    postgres_log_dsn: SecretStr | None = Field(
        default=None,
        description="The same database as the log role (default: derived from postgres_dsn, with "
        "the password in the data directory)",
    )
    postgres_read_dsn: SecretStr | None = Field(
        default=None,
        description="The same database as the read role (default: derived likewise)",
    )
    kafka_bootstrap: str | None = Field(
        default=None,
        description="A Kafka cluster of your own: host:port,host:port",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="A Redis or Valkey of your own: redis://:password@host:port/database",
    )
    clickhouse_url: SecretStr | None = Field(
        default=None,
        description="A ClickHouse of your own: http://user:password@host:port/database",
    )

    kafka_prefix: str = Field(
        default="backstock", description="Topics are PREFIX.events.v1 and PREFIX.heads.v1"
    )
    redis_prefix: str = Field(default="backstock", description="Every key begins with it")
    shards: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Shards of a new store, fixed once it is made (default: 16)",
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Who shows it as a bearer token may scrape /metrics (default: this machine)",
    )

    def external_addresses(self) -> dict[str, str]:
        """Return the address of each part that is given from outside, by the part's name."""
        given = {
            "postgres": self.postgres_dsn,
            "kafka": self.kafka_bootstrap,
            "redis": self.redis_url,
            "clickhouse": self.clickhouse_url,
        }
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in given.items()
            if value is not None
        }
