"""dbapi.py: Tarn as PEP 249 (DB-API 2.0) describes a database."""
from __future__ import annotations

import datetime
import re
from typing import Any, Iterable, Iterator, Optional, Sequence

from ._lake import open_lake
from ._lib import lib
from ._result import Result
from ._session import Params, Session, interruptible
from .errors import (DatabaseError, DataError, Error, IntegrityError, InterfaceError, InternalError, NotSupportedError,
                     OperationalError, ProgrammingError, Warning)

__all__ = ["connect", "Connection", "Cursor", "apilevel", "threadsafety", "paramstyle", "Warning", "Error", "InterfaceError",
           "DatabaseError", "DataError", "OperationalError", "IntegrityError", "InternalError", "ProgrammingError",
           "NotSupportedError", "Date", "Time", "Timestamp", "DateFromTicks", "TimeFromTicks", "TimestampFromTicks", "Binary",
           "STRING", "BINARY", "NUMBER", "DATETIME", "ROWID"]

apilevel = "2.0"
threadsafety = 1  # threads may share the module, not connections
paramstyle = "qmark"

Date, Time, Timestamp, Binary = datetime.date, datetime.time, datetime.datetime, bytes


def DateFromTicks(ticks: float) -> datetime.date:
    return datetime.date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> datetime.time:
    return datetime.datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ticks)


class _Types:
    """Equal to the types' names in a cursor's description that belong to it."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __eq__(self, other: object) -> bool:
        return other.partition("(")[0] in self.names if isinstance(other, str) else self is other

    def __hash__(self) -> int:
        return hash(self.names)


STRING = _Types("VARCHAR")
BINARY = _Types("BLOB")
NUMBER = _Types("BOOLEAN", "TINYINT", "UTINYINT", "SMALLINT", "USMALLINT", "INTEGER", "UINTEGER", "BIGINT", "UBIGINT", "FLOAT",
                "DOUBLE", "DECIMAL")
DATETIME = _Types("DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ")
ROWID = _Types()

_CHANGES = re.compile(r"\s*(?:--[^\n]*\n\s*|/\*.*?\*/\s*)*(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|COPY\s+INTO)\b", re.I | re.S)
_VALUES = re.compile(r"(?P<head>\s*INSERT\b.*\bVALUES\s*)(?P<row>\(\s*\?\s*(?:,\s*\?\s*)*\))\s*;?\s*", re.I | re.S)
_ROWS_AT_ONCE = 500


def connect(uri: Any = "lake", *, principal: Optional[str] = None, autocommit: bool = False, **settings: Any) -> Connection:
    """A connection with a session of its own. Unless `autocommit` is set, the first statement that changes rows begins a
    transaction, which ends with commit() or rollback(); other statements take effect at once."""
    return Connection(uri, principal, autocommit, settings)


class Connection:
    Warning, Error, InterfaceError, DatabaseError = Warning, Error, InterfaceError, DatabaseError
    DataError, OperationalError, IntegrityError = DataError, OperationalError, IntegrityError
    InternalError, ProgrammingError, NotSupportedError = InternalError, ProgrammingError, NotSupportedError

    def __init__(self, uri: Any, principal: Optional[str], autocommit: bool, settings: dict[str, Any]) -> None:
        self.autocommit = autocommit
        self._begun = False
        self._session: Optional[Session] = None
        lake = open_lake(uri, settings)
        try:
            self._session = Session(lake, principal, scope=False)
        finally:
            lib.tarn_close(lake)  # the session holds it

    def _run(self, text: str, params: Params = None) -> Result:
        session = self._session
        if session is None:
            raise InterfaceError("the connection is closed")
        return interruptible(session, lambda: Result(session, session.query(text, params, {}, None)))

    def _execute(self, text: str, params: Params) -> Result:
        if not self.autocommit and not self._begun and _CHANGES.match(text):
            self._run("BEGIN").close()
            self._begun = True
        return self._run(text, params)

    def _end(self, verb: str) -> None:
        if self._session is None:
            raise InterfaceError("the connection is closed")
        if self._begun:
            self._begun = False
            self._run(verb).close()

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def cursor(self) -> Cursor:
        if self._session is None:
            raise InterfaceError("the connection is closed")
        return Cursor(self)

    def cancel(self) -> None:
        """Stops what runs, from any thread."""
        if self._session is not None:
            self._session.cancel()

    def close(self) -> None:
        """Closes the connection; what was not committed is rolled back."""
        if self._session is not None:
            self.rollback()
        self._session = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._session is not None:
            self.rollback() if kind else self.commit()
        self.close()


class Cursor:
    """Runs statements on its connection and fetches their rows."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self.description: Optional[list[tuple]] = None
        self.rowcount = -1
        self._result: Optional[Result] = None
        self._closed = False

    def _check(self) -> None:
        if self._closed:
            raise InterfaceError("the cursor is closed")

    def _rows(self) -> Result:
        self._check()
        if self._result is None:
            raise InterfaceError("no statement with rows was executed")
        return self._result

    def execute(self, operation: str, parameters: Params = None) -> Cursor:
        self._check()
        self._forget()
        result = self.connection._execute(operation, parameters)
        if result.is_query:
            self._result = result
            self.description = [(c.name, c.type, None, None, None, None, c.nullable) for c in result.schema]
        else:
            self.rowcount = result.affected()
            result.close()
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Sequence[Any]]) -> Cursor:
        """Runs the statement with each of the parameters; rows of INSERT … VALUES (?, …) are inserted many at a time."""
        self._check()
        total, pending, match = 0, list(seq_of_parameters), _VALUES.fullmatch(operation)
        width = match["row"].count("?") if match else 0
        while match and pending:
            rows, pending = pending[:_ROWS_AT_ONCE], pending[_ROWS_AT_ONCE:]
            if any(isinstance(row, dict) or len(row) != width for row in rows):
                raise ProgrammingError(f"each row has {width} values here")
            self.execute(match["head"] + ", ".join([match["row"]] * len(rows)), [value for row in rows for value in row])
            total += self.rowcount
        for parameters in pending:
            self.execute(operation, parameters)
            if self._result is not None:
                self._forget()
                raise ProgrammingError("executemany() is for statements without rows")
            total = total + self.rowcount if self.rowcount >= 0 and total >= 0 else -1
        self.rowcount = total
        return self

    def fetchone(self) -> Optional[tuple]:
        return self._rows().fetchone()

    def fetchmany(self, size: Optional[int] = None) -> list[tuple]:
        return self._rows().fetchmany(self.arraysize if size is None else size)

    def fetchall(self) -> list[tuple]:
        return self._rows().fetchall()

    def __iter__(self) -> Iterator[tuple]:
        return iter(self._rows())

    def setinputsizes(self, sizes: Any) -> None:
        """Does nothing: values tell their types."""

    def setoutputsize(self, size: int, column: Optional[int] = None) -> None:
        """Does nothing: values come whole."""

    def _forget(self) -> None:
        result, self._result = self._result, None
        self.description, self.rowcount = None, -1
        if result is not None:
            result.close()

    def close(self) -> None:
        self._forget()
        self._closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
