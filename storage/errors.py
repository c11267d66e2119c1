"""Failures of the database, each saying what to do next.

StorageError
├── StorageUnavailable   the database cannot be reached or written (folder missing, disk full, server down)
├── StorageCorrupt       the file is damaged; never recreated silently
├── NewerSchema          the data was written by a newer parley
└── Fenced               a result came too late: the work was taken over, erased or cancelled
"""


class StorageError(Exception):
    """A deliberate failure of storage. `str(error)` may be shown to the operator as it is."""

    exit_code = 1


class StorageUnavailable(StorageError):
    """The database cannot be reached or written."""

    exit_code = 2


class StorageCorrupt(StorageError):
    """The database file is damaged."""

    exit_code = 3


class NewerSchema(StorageError):
    """The data was written by a newer parley than this one."""

    exit_code = 2


class Fenced(StorageError):
    """The claim a result belongs to is no longer held, so the result was refused."""
