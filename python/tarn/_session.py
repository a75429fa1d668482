"""_session.py: one session of libtarn: runs statements so that Ctrl-C stops them, and finds the frames they read."""
from __future__ import annotations

import ctypes
import datetime
import decimal
import threading
import uuid
import weakref
from ctypes import byref, c_char_p, c_void_p
from typing import Any, Callable, Iterable, Mapping, Optional, Sequence, TypeVar, Union

from . import _lib, errors

T = TypeVar("T")
Params = Union[Sequence[Any], Mapping[str, Any], None]

_EPOCH = datetime.datetime(1970, 1, 1)
_US = datetime.timedelta(microseconds=1)


def _utf8(text: str) -> bytes:
    data = text.encode()
    if b"\0" in data:
        raise errors.Invalid("the text holds a zero byte; bind it as bytes")
    return data


def _scalar(value: Any) -> Any:
    """numpy's and pandas' scalars as Python's own."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        import numpy
        if isinstance(value, numpy.datetime64):
            value = value.astype("datetime64[us]")
        return value.item()
    if type(value).__name__ == "Timestamp" and hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def _with_bytes(p: _lib.Param, kind: int, data: bytes) -> None:
    p.type, p.data, p.n = kind, data, len(data)


def _param(value: Any, name: Optional[str]) -> _lib.Param:
    p = _lib.Param(name=_utf8(name.lstrip("$:")) if name else None)
    value = _scalar(value)
    if value is None:
        p.type = 0
    elif isinstance(value, bool):
        p.type, p.i = 1, value
    elif isinstance(value, int):
        if -(1 << 63) <= value < 1 << 63:
            p.type, p.i = 2, value
        else:
            _with_bytes(p, 10, str(value).encode())
    elif isinstance(value, float):
        p.type, p.d = 3, value
    elif isinstance(value, str):
        _with_bytes(p, 4, value.encode())
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _with_bytes(p, 5, bytes(value))
    elif isinstance(value, datetime.datetime):
        aware = value.tzinfo is not None
        naive = value.astimezone(datetime.timezone.utc).replace(tzinfo=None) if aware else value
        p.type, p.i = (9 if aware else 8), (naive - _EPOCH) // _US
    elif isinstance(value, datetime.date):
        p.type, p.i = 6, value.toordinal() - 719163
    elif isinstance(value, datetime.time) and value.tzinfo is None:
        p.type, p.i = 7, (datetime.datetime.combine(_EPOCH, value) - _EPOCH) // _US
    elif isinstance(value, decimal.Decimal) and value.is_finite():
        _with_bytes(p, 10, format(value, "f").encode())
    elif isinstance(value, uuid.UUID):
        _with_bytes(p, 11, value.bytes)
    else:
        raise errors.Invalid(f"a parameter cannot be a {type(value).__name__}",
                             "pass a list or a table as a frame: sql('… FROM ids', ids={'id': [1, 2]})")
    return p


def _params(params: Params) -> tuple[Any, int]:
    if params is None:
        return None, 0
    if isinstance(params, Mapping):
        made = [_param(value, name) for name, value in params.items()]
    elif isinstance(params, (str, bytes)):
        raise errors.Invalid("parameters are a list by position or a dict by name")
    else:
        made = [_param(value, None) for value in params]
    return (_lib.Param * len(made))(*made), len(made)


def as_frame(value: Any) -> Any:
    """The value as something with Arrow's stream interface; None when it is no table."""
    kind = type(value)
    if kind.__module__.partition(".")[0] == "pandas" and kind.__name__ == "DataFrame":
        import pyarrow
        return pyarrow.Table.from_pandas(value, preserve_index=False)
    if isinstance(value, type):
        return None
    if hasattr(value, "__arrow_c_stream__"):
        return value
    if kind.__module__.partition(".")[0] == "pyarrow" and hasattr(value, "scanner"):  # a Dataset
        return value.scanner().to_reader()
    return None


def _made_frame(name: str, value: Any) -> Any:
    """What was passed by name may also be columns or rows of plain Python."""
    frame = as_frame(value)
    if frame is None and (isinstance(value, dict) or (isinstance(value, list) and value)):
        import pyarrow
        frame = pyarrow.table(value) if isinstance(value, dict) else pyarrow.Table.from_pylist(value)
    if frame is None:
        raise errors.Invalid(f"{name}: a {type(value).__name__} is no table",
                             "pass Arrow, pandas or Polars objects, a dict of columns or a list of dicts")
    return frame


_alive: "weakref.WeakValueDictionary[int, Session]" = weakref.WeakValueDictionary()


@_lib.ROWS_FN
def _open_rows(state: int, name: bytes, out: Any, error: Any) -> int:
    session = _alive.get(state or 0)
    if session is None:
        return _lib.CODE_OF["NOTFOUND"]
    try:
        frame = session._find(name.decode())
        if frame is None:
            return _lib.CODE_OF["NOTFOUND"]
        _lib.move_stream(frame.__arrow_c_stream__(), out)
        return 0
    except BaseException as why:  # C is above: it is raised again when the statement has failed
        session._raised = why
        error.contents.message = f"{type(why).__name__}: {why}".encode()[:2000]
        return _lib.CODE_OF["INVALID"]


def interruptible(session: "Session", work: Callable[[], T]) -> T:
    """Runs `work`, which blocks in C. In the main thread, where signals arrive, it is done by another one, so that Ctrl-C
    can cancel it: it is raised when the work has stopped."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    done = threading.Event()
    outcome: list = []

    def run() -> None:
        try:
            outcome.append((work(), None))
        except BaseException as why:
            outcome.append((None, why))
        finally:
            done.set()

    threading.Thread(target=run, name="tarn", daemon=True).start()
    try:
        while not done.wait(0.1):  # packages that take SIGINT with SA_RESTART (Polars) make one long wait deaf to it
            pass
    except BaseException:
        _stop(session, done)
        raise
    value, error = outcome[0]
    if error is not None:
        raise error
    return value


def _stop(session: "Session", done: threading.Event) -> None:
    """Cancels until it is done: a flag set before the statement began would be forgotten."""
    while not done.is_set():
        session.cancel()
        try:
            done.wait(0.05)
        except KeyboardInterrupt:
            continue  # it is stopping already


class Session:
    """Belongs to one thread at a time, except cancel()."""

    def __init__(self, lake: Any, principal: Optional[str], scope: bool) -> None:
        self._handle = c_void_p()
        self._frames: dict[str, Any] = {}
        self._once: set[int] = set()
        self._caller: Any = None
        self._raised: Optional[BaseException] = None
        _lib.call(_lib.lib.tarn_session_open, lake, _utf8(principal) if principal else None, byref(self._handle))
        _alive[self._handle.value or 0] = self
        if scope:
            _lib.lib.tarn_session_on_missing(self._handle, _open_rows, self._handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            _lib.lib.tarn_session_close(self._handle)

    def cancel(self) -> None:
        """Stops what runs, from any thread."""
        _lib.lib.tarn_cancel(self._handle)

    def progress(self) -> float:
        """How much of the running statement is done, 0 to 100; -1 when that is not known. From any thread."""
        return _lib.lib.tarn_progress(self._handle)

    def _find(self, name: str) -> Any:
        """The frame passed by this name, else the variable the caller sees under it."""
        frame = self._frames.get(name)
        scopes: Iterable[Mapping[str, Any]] = (self._caller.f_locals, self._caller.f_globals) if self._caller else ()
        for variables in scopes:
            if frame is None and name in variables:
                frame = as_frame(variables[name])
        if frame is not None and not _is_rescannable(frame):
            if id(frame) in self._once:
                raise errors.Invalid(f"{name} can be read only once, and the statement reads it again",
                                     "read it into a table first: reader.read_all()")
            self._once.add(id(frame))
        return frame

    def query(self, text: str, params: Params, frames: Mapping[str, Any], caller: Any) -> c_void_p:
        """Runs a statement and returns the handle of its result."""
        bound, n = _params(params)
        sql = _utf8(text)
        self._frames = {name: _made_frame(name, value) for name, value in frames.items()}
        self._caller, self._raised = caller, None
        self._once.clear()
        handle = c_void_p()
        try:
            for name in self._frames:
                self._register(name, ctypes.cast(_open_rows, c_void_p))
            _lib.call(_lib.lib.tarn_query, self._handle, sql, bound, n, byref(handle))
            return handle
        except errors.Error as error:
            if self._raised is not None:
                error.__cause__ = self._raised
            raise
        finally:
            for name in self._frames:
                self._register(name, None)
            self._frames, self._caller, self._raised = {}, None, None

    def _register(self, name: str, function: Any) -> None:
        _lib.call(_lib.lib.tarn_session_register, self._handle, c_char_p(_utf8(name)), function, self._handle)


def _is_rescannable(frame: Any) -> bool:
    return not (hasattr(frame, "__next__") or hasattr(frame, "read_next_batch"))
