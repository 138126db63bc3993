"""Settings: environment variables `ZHIFA_…`, or the same names in `.env`. See docs/settings.md."""

import hashlib
import hmac
import ipaddress
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from zhifa_errors import UsageError

PREFIX = "ZHIFA_"
_SECRET_BYTES = 32
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{20,}")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{32,256}")
_OWN_PATHS = frozenset({"", "/", "/messages", "/send", "/events", "/healthz"})
_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite", "postgresql+psycopg"})


class Settings(BaseSettings):
    """All settings, checked. A wrong or unknown one stops the start with one line naming it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    data_dir: Path = Path("data")
    database_url: SecretStr | None = None
    knowledge_dirs: str = ""
    jurisdiction: str = "全国"
    telegram_token: SecretStr | None = None
    telegram_base_url: str | None = None
    telegram_webhook_url: str | None = None
    telegram_webhook_listen: str | None = None
    telegram_webhook_secret: SecretStr | None = None
    telegram_rate: int = Field(default=30, ge=1, le=1000)
    web_listen: str = "127.0.0.1:8080"
    web_secret: SecretStr | None = None
    public_url: str | None = None
    open_qa: bool = True
    timezone: str = "Asia/Shanghai"
    log: str = "info"

    @field_validator("database_url")
    @classmethod
    def _url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            from sqlalchemy import make_url
            from sqlalchemy.exc import ArgumentError

            try:
                driver = make_url(value.get_secret_value()).drivername
            except (ArgumentError, ValueError):
                driver = ""
            if driver not in _DRIVERS:
                raise ValueError(
                    "not a URL like postgresql+psycopg://user:password@host/name or sqlite+pysqlite:///file"
                )
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("not a time zone like Asia/Shanghai") from None
        return value

    @field_validator("log")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("one of debug, info, warning, error")
        return value.lower()

    @field_validator("web_listen")
    @classmethod
    def _page_listen(cls, value: str) -> str:
        if value != "off":
            parse_listen(value)
        return value

    @field_validator("telegram_webhook_listen")
    @classmethod
    def _listen(cls, value: str | None) -> str | None:
        if value is not None:
            parse_listen(value)
        return value

    @field_validator("telegram_base_url")
    @classmethod
    def _base_url(cls, value: str | None) -> str | None:
        if value is not None and not value.rstrip("/").endswith("/bot"):
            raise ValueError("must end with /bot, as http://127.0.0.1:8081/bot does; the token is put behind it")
        return value

    @field_validator("telegram_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError("not a token as BotFather gives it (digits, a colon, letters)")
        return value

    @field_validator("telegram_base_url", "telegram_webhook_url", "public_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is not None and not _is_safe(value):
            raise ValueError("must be an https address; http only on this machine")
        return value

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
            raise ValueError("32 to 256 letters, digits, _ and -")
        return value

    @model_validator(mode="after")
    def _webhook(self) -> "Settings":
        if self.telegram_webhook_url is None:
            return self
        if self.telegram_token is None:
            raise ValueError(f"{PREFIX}TELEGRAM_WEBHOOK_URL needs {PREFIX}TELEGRAM_TOKEN")
        if urlsplit(self.telegram_webhook_url).path in _OWN_PATHS and self.telegram_webhook_listen is None:
            raise ValueError(
                f"{PREFIX}TELEGRAM_WEBHOOK_URL needs a path of its own, or {PREFIX}TELEGRAM_WEBHOOK_LISTEN"
            )
        return self

    @model_validator(mode="after")
    def _open_to_others(self) -> "Settings":
        if self.web_listen != "off" and not self.web_is_loopback:
            secret = self.web_secret.get_secret_value() if self.web_secret else ""
            if len(secret.encode()) < _SECRET_BYTES:
                raise ValueError(
                    f"{PREFIX}WEB_SECRET of at least {_SECRET_BYTES} bytes is required to listen on {self.web_listen}"
                )
        return self

    @property
    def web_address(self) -> tuple[str, int]:
        """Host and port the page listens on."""
        return parse_listen(self.web_listen)

    @property
    def web_is_loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        host = self.web_address[0]
        return host == "localhost" or ipaddress.ip_address(host).is_loopback

    @property
    def folders(self) -> list[Path]:
        """Content folders over the bundled one, lowest first."""
        named = [Path(part) for part in self.knowledge_dirs.split(":") if part]
        overlay = self.data_dir / "overlay"
        return [
            *named,
            *([overlay] if any(overlay.glob("*.yaml")) or any(overlay.glob("*/")) else []),
        ]

    @property
    def index_dir(self) -> Path:
        """Where compiled indexes lie."""
        return self.data_dir / "index"

    @cached_property
    def zone(self) -> ZoneInfo:
        """The program's time zone."""
        return ZoneInfo(self.timezone)

    def database(self) -> str:
        """The database URL; SQLite in the data folder by default."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite+pysqlite:///{self.data_dir / 'zhifa.db'}"

    def secrets(self) -> list[str]:
        """Every secret value, for the log's redaction."""
        values = (self.telegram_token, self.telegram_webhook_secret, self.web_secret, self.database_url)
        return [self.webhook_secret(), *(value.get_secret_value() for value in values if value)]

    def webhook_secret(self) -> str:
        """What proves that an update is Telegram's: as configured, or following from the token on every machine."""
        if self.telegram_webhook_secret:
            return self.telegram_webhook_secret.get_secret_value()
        token = self.telegram_token.get_secret_value() if self.telegram_token else ""
        return hmac.new(token.encode(), b"zhifa webhook", hashlib.sha256).hexdigest()


def parse_listen(value: str) -> tuple[str, int]:
    """Read `host:port`.

    Raises:
        ValueError: it is something else.
    """
    host, separator, port = value.rpartition(":")
    host = host.strip("[]")
    if not separator or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise ValueError("not an address like 127.0.0.1:8080")
    if host != "localhost":
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError("the host must be an IP address or localhost") from None
    return host, int(port)


def _is_safe(url: str) -> bool:
    """Whether nobody between can read along: https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    if parts.scheme != "http":
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_settings(**overrides: Any) -> Settings:
    """Read and check the settings.

    Raises:
        UsageError: naming the wrong or unknown variable.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in (*os.environ, *_names_in_env_file()):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise UsageError(f"unknown setting {name}; see docs/settings.md")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(fault["loc"][0]).upper() + ": " if fault["loc"] else ""
        raise UsageError(f"{name}{fault['msg'].removeprefix('Value error, ')}") from None
    except SettingsError as error:
        raise UsageError(str(error)) from None


def _names_in_env_file() -> list[str]:
    path = Path(".env")
    if not path.is_file():
        return []
    lines = (line.strip().removeprefix("export ") for line in path.read_text(encoding="utf-8").splitlines())
    return [line.partition("=")[0].strip() for line in lines if "=" in line and not line.startswith("#")]
