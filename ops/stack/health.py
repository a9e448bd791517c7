"""Health checks that several parts and roles share."""

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

from ops.stack.errors import NotReadyError

CHECK_SECONDS_MAX = 2.0


def answers_http(name: str, path: str) -> Callable[[str], None]:
    """Return the health check of a server at an http:// or https:// URL: GET `path` gives 200."""

    def check(address: str) -> None:
        url = urlsplit(address)
        secure = url.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(url.hostname or "", url.port, timeout=CHECK_SECONDS_MAX)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            raise NotReadyError(name, f"{url.hostname}:{url.port}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise NotReadyError(name, f"GET {path} answered {answer.status}: {body[:200]}")

    return check
