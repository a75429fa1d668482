"""_result.py: the rows of a statement: fetched as Python values, or handed on as Arrow."""
from __future__ import annotations

import ctypes
import unicodedata
from ctypes import byref, c_void_p
from typing import TYPE_CHECKING, Any, Iterator, Optional

from . import _lib, _rows, errors
from ._session import Session, interruptible

if TYPE_CHECKING:
    import numpy
    import pandas
    import polars
    import pyarrow

_SHOWN_ROWS, _SHOWN_WIDTH = 10, 32


def _need(module: str, method: str) -> Any:
    try:
        return __import__(module)
    except ImportError:
        raise errors.InterfaceError(f"{method} needs {module}, which is not installed",
                                    "fetchall() and the Arrow stream interface need nothing") from None


class Result:
    """What a statement gave. Its rows are streamed, once: by one of `arrow()`, `arrow_reader()`, `df()`, `pl()`,
    `numpy()`, `fetchall()`, `fetchone()`, `fetchmany()`, iteration, or any taker of Arrow's stream interface
    (`__arrow_c_stream__`). Statements that only do something give one row that says what."""

    def __init__(self, session: Session, handle: c_void_p) -> None:
        self._session, self._handle = session, handle
        self._stream: Optional[_lib.ArrowStream] = None
        self._taken = False
        self._pending: list[tuple] = []
        self.is_query: bool = bool(_lib.lib.tarn_result_is_query(handle))
        schema = _lib.ArrowSchema()
        _lib.call(_lib.lib.tarn_result_schema, handle, byref(schema))
        try:
            self.schema: list[_rows.Column] = [_rows.Column(schema.children[i].contents) for i in range(schema.n_children)]
        finally:
            _lib.release(schema)

    def close(self) -> None:
        """Ends the statement; rows not fetched are not read."""
        stream, self._stream = self._stream, None
        handle, self._handle = self._handle, c_void_p()
        if stream is not None:
            _lib.release(stream)
        if handle:
            _lib.lib.tarn_result_close(handle)
        self._taken = True
        self._pending = []

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self.close()

    def __enter__(self) -> Result:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.schema]

    def affected(self) -> int:
        """How many rows the statement changed; -1 when it does not say. Takes the row that says so."""
        if self.is_query or "num_affected_rows" not in self.columns:
            return -1
        row = self.fetchone()
        return int(row[self.columns.index("num_affected_rows")]) if row else -1

    # ARROW

    def _move(self, out: Any) -> None:
        if self._taken or self._stream is not None or not self._handle:
            raise errors.InterfaceError("the rows were taken already: run the statement again")
        _lib.call(_lib.lib.tarn_result_stream, self._handle, out)
        self._taken = True

    def __arrow_c_schema__(self) -> Any:
        def fill(out: Any) -> None:
            _lib.call(_lib.lib.tarn_result_schema, self._handle, byref(out))
        return _lib.make_capsule(_lib.ArrowSchema, fill)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The rows as Arrow's stream interface: moved out, still streaming."""
        return _lib.make_capsule(_lib.ArrowStream, lambda out: self._move(byref(out)))

    def arrow_reader(self) -> pyarrow.RecordBatchReader:
        """The rows as a pyarrow.RecordBatchReader: batches of a few thousand rows, read as they are asked for."""
        return _need("pyarrow", "arrow_reader()").RecordBatchReader.from_stream(self)

    def arrow(self) -> pyarrow.Table:
        """The rows as a pyarrow.Table."""
        pyarrow = _need("pyarrow", "arrow()")
        reader = self.arrow_reader()
        try:
            return interruptible(self._session, reader.read_all)
        except (pyarrow.ArrowException, OSError) as why:
            raise errors.from_text(str(why)) from None

    def df(self) -> pandas.DataFrame:
        """The rows as a pandas.DataFrame."""
        _need("pandas", "df()")
        return self.arrow().to_pandas()

    def pl(self) -> polars.DataFrame:
        """The rows as a polars.DataFrame."""
        return _need("polars", "pl()").DataFrame(self.arrow() if _has("pyarrow") else self)

    def numpy(self) -> dict[str, numpy.ndarray]:
        """The columns as numpy arrays by name; with nulls, as masked arrays. What numpy has no type for comes as objects."""
        numpy = _need("numpy", "numpy()")
        parts: list[list] = [[] for _ in self.schema]

        def read_all() -> None:
            while (batch := self._next_batch()) is not None:
                for i, column in enumerate(self.schema):
                    child = batch.children[i].contents
                    parts[i].append(_rows.numpy_batch(numpy, column, child, batch.offset, batch.length))
                _lib.release(batch)
        interruptible(self._session, read_all)
        return {column.name: _joined(numpy, column, chunks) for column, chunks in zip(self.schema, parts)}

    # ROWS

    def _next_batch(self) -> Any:
        if self._stream is None:
            if self._taken:
                if self._handle:  # all rows went somewhere else
                    raise errors.InterfaceError("the rows were taken already: run the statement again")
                return None
            stream = _lib.ArrowStream()
            self._move(byref(stream))
            self._stream = stream
            handle, self._handle = self._handle, c_void_p()
            _lib.lib.tarn_result_close(handle)
        batch = _lib.ArrowArray()
        if self._stream.get_next(ctypes.pointer(self._stream), ctypes.pointer(batch)):
            text = self._stream.get_last_error(ctypes.pointer(self._stream)) or b"INTERNAL: no reason was given"
            raise errors.from_text(text.decode(errors="replace"))
        if batch.release:
            return batch
        self.close()
        return None

    def _next_rows(self) -> list[tuple]:
        """The rows of the next batch; none at the end."""
        batch = self._next_batch()
        if batch is None:
            return []
        try:
            return _rows.read_batch(self.schema, batch)
        finally:
            _lib.release(batch)

    def fetchall(self) -> list[tuple]:
        """The rows that are left, as tuples."""
        def read_all() -> list[tuple]:
            rows, self._pending = self._pending[::-1], []
            while more := self._next_rows():
                rows += more
            return rows
        return interruptible(self._session, read_all)

    def fetchmany(self, size: int = 1) -> list[tuple]:
        """The next `size` rows; fewer at the end."""
        rows: list[tuple] = []
        while len(rows) < size and (row := self.fetchone()) is not None:
            rows.append(row)
        return rows

    def fetchone(self) -> Optional[tuple]:
        """The next row, or None at the end."""
        if not self._pending:
            self._pending = interruptible(self._session, self._next_rows)[::-1]
        return self._pending.pop() if self._pending else None

    def __iter__(self) -> Iterator[tuple]:
        while (row := self.fetchone()) is not None:
            yield row

    def __repr__(self) -> str:
        """A small table of the first rows, which stay to be fetched."""
        if self._taken or not self._handle:
            return f"<tarn.Result: {', '.join(map(repr, self.schema))}; the rows were taken>"
        first = ctypes.POINTER(_lib.ArrowArray)()
        interruptible(self._session, lambda: _lib.call(_lib.lib.tarn_result_peek, self._handle, byref(first)))
        rows = _rows.read_batch(self.schema, first.contents, _SHOWN_ROWS) if first else []
        return _draw(self.schema, rows, bool(first) and first.contents.length > len(rows))


def _has(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def _joined(numpy: Any, column: _rows.Column, chunks: list) -> Any:
    if not chunks:
        return _rows.numpy_batch(numpy, column, None, 0, 0)[0]
    values = numpy.concatenate([part for part, _ in chunks])
    if all(mask is None for _, mask in chunks):
        return values
    masks = [numpy.zeros(len(part), dtype=bool) if mask is None else mask for part, mask in chunks]
    return numpy.ma.masked_array(values, numpy.concatenate(masks))


def _cell(value: Any) -> str:
    text = "NULL" if value is None else "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= _SHOWN_WIDTH else text[:_SHOWN_WIDTH - 1] + "…"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


def _draw(columns: list[_rows.Column], rows: list[tuple], more: bool) -> str:
    lines = [[_cell(column.name) for column in columns], [_cell(column.type) for column in columns]]
    lines += [[_cell(value) for value in row] for row in rows]
    widths = [max(_width(line[i]) for line in lines) for i in range(len(columns))]
    shown = ["  ".join(text + " " * (width - _width(text)) for text, width in zip(line, widths)).rstrip() for line in lines]
    shown.insert(2, "  ".join("-" * width for width in widths))
    return "\n".join(shown + (["…"] if more else []))
