"""Start the development front: `python -m ops.clickhouse_front --data DIR --port N`.

A development part, not a ClickHouse server: one process with the embedded engine, no users, no
grants, no replication, loopback only.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from ops.clickhouse_front.engine import DirectoryUnavailableError, Engine
from ops.clickhouse_front.front import Front
from ops.clickhouse_front.server import FrontServer, is_loopback

logger = logging.getLogger("ops.clickhouse_front")

STOP_GRACE_SECONDS = 5.0
CLOSE_SECONDS_MAX = 5.0
POLL_SECONDS = 0.1
EXIT_REFUSED = 2
PORT_MAX = 65535


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns an exit status only when it cannot start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    # Partitions and plain DateTime columns follow the engine's zone, and it reads this once, when
    # it loads: a data directory must mean the same on a laptop in any zone as in production.
    os.environ["TZ"] = "UTC"
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        # The port first: a taken one is found without touching the data.
        server = FrontServer(options.host, options.port)
    except OSError as error:
        logger.critical(
            "cannot listen on %s port %d: %s; give another --port",
            options.host,
            options.port,
            error.strerror,
        )
        return EXIT_REFUSED
    try:
        server.front = Front(Engine(options.data))
    except DirectoryUnavailableError as error:
        logger.critical("%s", error)
        return EXIT_REFUSED
    _serve(server, server.front, options.data, stop)
    return 0


def _serve(server: FrontServer, front: Front, data: Path, stop: threading.Event) -> None:
    threading.Thread(
        target=server.serve_forever, args=(POLL_SECONDS,), name="accept", daemon=True
    ).start()
    host, port = server.server_address[:2]
    logger.info(
        "development front over ClickHouse %s ready on http://%s:%s, data in %s",
        front.engine.version,
        host,
        port,
        data,
    )
    stop.wait()
    logger.info("stopping")
    if server.stop(STOP_GRACE_SECONDS):
        closing = threading.Thread(target=front.close, name="close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS_MAX)
    else:
        logger.warning(
            "requests still ran after %s s; they end unanswered, and are safe to repeat",
            STOP_GRACE_SECONDS,
        )
    logger.info("stopped")
    logging.shutdown()
    # The engine's own threads may wait for each other at a normal exit, and would hang it.
    os._exit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ops.clickhouse_front",
        description="A development part, not a ClickHouse server: the embedded engine behind"
        " ClickHouse's HTTP protocol, for one machine. No users, no grants, no replication; it may"
        " read this machine's files, so it listens on loopback only.",
        epilog="`default` is no Atomic database here: CREATE DATABASE one, and name it in the"
        " client. GET /ping answers Ok. once the front is ready.",
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="data directory, owned by this process"
    )
    parser.add_argument("--port", type=_port, required=True, help="TCP port; 0 takes a free one")
    parser.add_argument(
        "--host", type=_loopback, default="127.0.0.1", help="loopback address (%(default)s)"
    )
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 0 to {PORT_MAX}")
    return int(text)


def _loopback(text: str) -> str:
    if not is_loopback(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no loopback address: this front has no users and may read files, so it"
            " serves its own machine only"
        )
    return text


if __name__ == "__main__":
    sys.exit(main())
