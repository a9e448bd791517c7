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
