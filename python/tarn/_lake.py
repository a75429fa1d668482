"""_lake.py: an open lake and its tables."""
from __future__ import annotations

import contextlib
import datetime
import re
import sys
import threading
from ctypes import POINTER, byref, c_char_p, c_void_p, cast, sizeof
from typing import TYPE_CHECKING, Any, Iterator, Optional, Sequence, Union

from . import _lib, _rows, errors
from ._result import Result
from ._session import Params, Session, interruptible

if TYPE_CHECKING:
    import pyarrow

_NAME = re.compile(r'^(?:(?:\w+|"(?:[^"]|"")+"|`(?:[^`]|``)+`)(?:\.|$))+$')


def open_lake(uri: Any, settings: dict[str, Any]) -> c_void_p:
    """The handle of a lake."""
    pairs: list[Optional[bytes]] = []
    for name, value in settings.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        pairs += [name.encode(), text.encode()]
    options = _lib.Options(sizeof(_lib.Options), str(uri).encode(), cast((c_char_p * (len(pairs) + 1))(*pairs), POINTER(c_char_p)))
    handle = c_void_p()
    _lib.call(_lib.lib.tarn_open, byref(options), byref(handle))
    return handle


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Lake:
    """An open warehouse. Any thread may use it: each gets a session of its own (current schema, settings, transaction),
    made when it first runs something. Made by `tarn.connect`."""

    def __init__(self, uri: Any, principal: Optional[str], scope: bool, settings: dict[str, Any]) -> None:
        self._handle: Optional[c_void_p] = None
        self.uri = str(uri)
        self._principal, self._scope = principal, scope
        self._local = threading.local()
        self._handle = open_lake(uri, settings)

    def close(self) -> None:
        """Closes the lake; what open results still need lives until they are closed."""
        self._local = threading.local()
        handle, self._handle = self._handle, None
        if handle:
            _lib.lib.tarn_close(handle)

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Lake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tarn.Lake {self.uri!r}{'' if self._handle else ', closed'}>"

    @property
    def session(self) -> Session:
        """This thread's session: its `cancel()` may be called from any other thread."""
        if not self._handle:
            raise errors.InterfaceError("the lake is closed")
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = Session(self._handle, self._principal, self._scope)
        return session

    def sql(self, text: str, params: Params = None, **frames: Any) -> Result:
        """Runs one statement. `params`: a list for ? or $1, or a dict for $name. `frames`: tables by name (Arrow, pandas,
        Polars; a dict of columns; a list of dicts). A name that neither the lake nor `frames` has is looked for among
        the caller's variables."""
        return self._run(text, params, frames, sys._getframe(1))

    def _run(self, text: str, params: Params, frames: dict[str, Any], caller: Any = None) -> Result:
        session = self.session
        return interruptible(session, lambda: Result(session, session.query(text, params, frames, caller)))

    def script(self, text: str) -> None:
        """Runs statements that semicolons part, one after the other, and drops their rows."""
        data = text.encode()
        while data.strip():
            n = _lib.lib.tarn_statement_length(data, len(data), 1) or len(data)
            statement, data = data[:n].decode(), data[n:]
            if statement.strip(" \t\r\n;"):
                self._run(statement, None, {}, sys._getframe(1)).close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Lake]:
        """BEGIN, then COMMIT at the end of the block, or ROLLBACK when it raises."""
        self._run("BEGIN", None, {}).close()
        try:
            yield self
        except BaseException:
            self._run("ROLLBACK", None, {}).close()
            raise
        self._run("COMMIT", None, {}).close()

    def table(self, name: str, version: Union[int, str, None] = None,
              timestamp: Union[datetime.datetime, str, None] = None) -> Table:
        """A table by its name as SQL writes it ("t", "s.t", "delta.`/path`"), now or at a version (a number, or the name of
        a branch or tag) or time."""
        return Table(self, name, version, timestamp)


class Table:
    """A table of a lake, perhaps at an earlier version. Also an Arrow stream of all its rows."""

    def __init__(self, lake: Lake, name: str, version: Union[int, str, None], timestamp: Any) -> None:
        if not _NAME.match(name) or name.endswith("."):
            raise errors.Invalid(f"{name!r} is no table's name", 'write it as in SQL: t, s.t, "two words", delta.`/path`')
        if version is not None and timestamp is not None:
            raise errors.Invalid("give a version or a timestamp, not both")
        self.lake, self.name = lake, name
        self._at = ""
        self._wanted = version
        if version is not None:
            self._at = f" VERSION AS OF {version if isinstance(version, int) else _quoted(version)}"
        elif timestamp is not None:
            when = timestamp.isoformat(" ") if isinstance(timestamp, datetime.datetime) else str(timestamp)
            self._at = f" TIMESTAMP AS OF {_quoted(when)}"

    def __repr__(self) -> str:
        return f"<tarn.Table {self.name}{self._at}: {', '.join(map(repr, self.schema))}>"

    def _select(self, rest: str, columns: str = "*", params: Params = None) -> Result:
        return self.lake._run(f"SELECT {columns} FROM {self.name}{self._at} {rest}", params, {})

    @property
    def schema(self) -> list[_rows.Column]:
        """The columns: each has a `name`, a `type` as in SQL, and `nullable`."""
        with self._select("LIMIT 0") as result:
            return result.schema

    @property
    def version(self) -> Union[int, str]:
        """The version this table shows, as its rows are read: the newest one unless a version or timestamp was given."""
        if self._wanted is not None:
            return self._wanted
        for _, what, value in self.lake._run(f"EXPLAIN SELECT * FROM {self.name}{self._at}", None, {}):
            if what == "version":
                return int(value)
        raise errors.Unsupported(f"{self.name} has no versions")

    def history(self, limit: Optional[int] = None) -> Result:
        """What was done to the table, the newest first."""
        return self.lake._run(f"DESCRIBE HISTORY {self.name}" + (f" LIMIT {int(limit)}" if limit is not None else ""), None, {})

    def scan(self, columns: Optional[Sequence[str]] = None, filter: Optional[str] = None, params: Params = None,
             limit: Optional[int] = None) -> Result:
        """Rows: the columns called so, where the SQL condition `filter` holds; files it excludes are not read."""
        names = "*" if columns is None else ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        rest = (f"WHERE {filter}\n" if filter else "") + (f" LIMIT {int(limit)}" if limit is not None else "")
        return self._select(rest, names, params)

    def to_arrow(self) -> pyarrow.Table:
        """All rows as a pyarrow.Table."""
        return self.scan().arrow()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.scan().__arrow_c_stream__(requested_schema)

    def append(self, data: Any) -> int:
        """Inserts rows, matched by the names of their columns; returns how many."""
        return self._insert("INTO", data)

    def overwrite(self, data: Any) -> int:
        """Puts rows in the place of all that are there; returns how many."""
        return self._insert("OVERWRITE", data)

    def _insert(self, verb: str, data: Any) -> int:
        if self._at:
            raise errors.Invalid(f"{self.name}{self._at} cannot be written: only the newest version can")
        sql = f"INSERT {verb} {self.name} BY NAME SELECT * FROM tarn_data"
        return self.lake._run(sql, None, {"tarn_data": data}).affected()
