"""What can be wrong with an archive; each sentence says where, and what to do.

ArchiveError
├── TargetError         the place cannot be read, written, or is not an archive
├── DamagedError        a file is missing, cut, altered, or does not say what was signed
├── OtherStoreError     the archive and the store are not of one history
└── NotEmptyError       a store that is to be restored into is in use, or holds something
"""

from __future__ import annotations


class ArchiveError(Exception):
    """`where` is the target, or a file in it; nothing was left half done."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


class TargetError(ArchiveError):
    """The place cannot be read, written, or is not an archive."""


class DamagedError(ArchiveError):
    """A file is missing, cut, altered, or does not say what was signed."""


class OtherStoreError(ArchiveError):
    """The archive and the store are not of one history."""


class NotEmptyError(ArchiveError):
    """A store that is to be restored into is in use, or holds something."""
