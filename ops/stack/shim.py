"""Between fork and exec of a child: give up rights, tie its life to ours, then become it.

Run by path as `python -I -S shim.py PARENT SIGNAL UID GID -- PROGRAM ARGUMENT…`, so it imports the
standard library only. (A `preexec_fn` is not safe in a process with threads, which ours is.)
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
OWNER_ONLY = 0o077
ORPHANED = 125


def main(arguments: list[str]) -> None:
    """Replace this process by the program, or exit with ORPHANED when the parent has died."""
    parent, signal, uid, gid = (int(argument) for argument in arguments[:4])
    program = arguments[5:]
    os.umask(OWNER_ONLY)
    if uid != os.getuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it. The signal comes when the thread that started us ends.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(ORPHANED)
    os.execv(program[0], program)  # noqa: S606 (a shell is what must not come between)


if __name__ == "__main__":
    main(sys.argv[1:])
