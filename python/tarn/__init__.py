"""Tarn, a lakehouse in one library: open tables with transactions, time travel and SQL, in this process.

    import tarn
    lake = tarn.connect("lake")
    lake.sql("CREATE TABLE t AS SELECT 1 AS id, 'a' AS name")
    lake.sql("SELECT * FROM t WHERE id = ?", [1]).fetchall()
"""
from __future__ import annotations

from typing import Any, Optional

from . import _lib
from ._lake import Lake, Table
from ._result import Result
from ._rows import Column, Interval
from .errors import (Cancelled, Conflict, Constraint, Corrupt, DatabaseError, DataError, Denied, Error, Exists, IntegrityError,
                     InterfaceError, Internal, InternalError, Invalid, IOFailed, Limit, NoMemory, NotFound, NotSupportedError,
                     OperationalError, ProgrammingError, Timeout, Unsupported, Warning)

__version__ = "0.1.0"
__all__ = ["adbc_driver", "connect", "Lake", "Table", "Result", "Column", "Interval", "Error", "Cancelled", "Conflict", "Constraint",
           "Corrupt", "DatabaseError", "DataError", "Denied", "Exists", "IntegrityError", "InterfaceError", "Internal",
           "InternalError", "Invalid", "IOFailed", "Limit", "NoMemory", "NotFound", "NotSupportedError", "OperationalError",
           "ProgrammingError", "Timeout", "Unsupported", "Warning"]


def connect(uri: Any = "lake", *, principal: Optional[str] = None, scope: bool = True, **settings: Any) -> Lake:
    """Opens the warehouse at `uri`: a folder, which is made when it is missing, or a prefix of an object store.

    `principal`: who runs the statements (None: the owner). `scope`: whether names that no catalog has are looked for among
    the caller's variables; False for SQL that others wrote. `settings`: as SHOW SETTINGS lists them; dotted ones as
    `**{"write.file_size": "64MB"}`.
    """
    return Lake(uri, principal, scope, settings)


def adbc_driver() -> str:
    """The path of libtarn, which is an ADBC driver too: `adbc_driver_manager.dbapi.connect(driver=tarn.adbc_driver(), …)`."""
    return _lib.library_path()
