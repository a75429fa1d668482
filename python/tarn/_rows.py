"""_rows.py: Arrow batches as Python values, without any other package."""
from __future__ import annotations

import ctypes
import datetime
import decimal
import uuid
from ctypes import c_double, c_float, c_int8, c_int16, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64
from typing import Any, Callable, NamedTuple

from . import errors

try:
    from zoneinfo import ZoneInfo
except ImportError:  # a Python built without it
    ZoneInfo = None  # type: ignore[assignment,misc]

_DAY_US = 86_400_000_000
_EPOCH = datetime.datetime(1970, 1, 1)
_DECIMALS = decimal.Context(prec=100)
_NUMBERS = {"c": (c_int8, "TINYINT"), "C": (c_uint8, "UTINYINT"), "s": (c_int16, "SMALLINT"), "S": (c_uint16, "USMALLINT"),
            "i": (c_int32, "INTEGER"), "I": (c_uint32, "UINTEGER"), "l": (c_int64, "BIGINT"), "L": (c_uint64, "UBIGINT"),
            "f": (c_float, "FLOAT"), "g": (c_double, "DOUBLE")}
_UNITS = {"s": (1_000_000, 1), "m": (1000, 1), "u": (1, 1), "n": (1, 1000)}  # to µs: times, divided by


class Interval(NamedTuple):
    """An INTERVAL: its three parts are no multiples of each other."""

    months: int
    days: int
    nanoseconds: int


def fixed(ctype: Any, address: int, start: int, n: int) -> list:
    return (ctype * n).from_address(address + start * ctypes.sizeof(ctype))[:] if n else []


def bits(address: int, start: int, n: int) -> list:
    if not n:
        return []
    raw = ctypes.string_at(address + (start >> 3), ((start & 7) + n + 7) >> 3)
    text = format((int.from_bytes(raw, "little") >> (start & 7)) & ((1 << n) - 1), f"0{n}b")
    return [bit == "1" for bit in reversed(text)]


def validity(array: Any, start: int, n: int) -> Any:
    """One bool per row, or None when no row is null. `start` counts from the array's own offset."""
    return bits(array.buffers[0], start, n) if array.null_count and array.buffers[0] else None


Reader = Callable[[Any, int, int], list]


class Column:
    """A column's name and type: `name`, `type` (as in SQL), `nullable`."""

    def __init__(self, schema: Any) -> None:
        self.name = (schema.name or b"").decode()
        self.nullable = bool(schema.flags & 2)
        self.format = schema.format.decode()
        self.children = [Column(schema.children[i].contents) for i in range(schema.n_children)]
        if schema.dictionary:
            self.type, self._read = "VARCHAR", self._dictionary(Column(schema.dictionary.contents))
        else:
            self.type, self._read = self._choose()

    def __repr__(self) -> str:
        return f"{self.name} {self.type}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and (self.name, self.type) == (other.name, other.type)

    def read(self, array: Any, start: int, n: int) -> list:
        """Rows start..start+n of the array as Python values."""
        try:
            return self._read(array, start + array.offset, n)
        except (OverflowError, ValueError) as why:
            raise errors.Unsupported(f"column {self.name}: a {self.type} that Python cannot hold ({why})",
                                     f"CAST({self.name} AS VARCHAR)") from None

    def _choose(self) -> tuple[str, Reader]:
        f = self.format
        if f in _NUMBERS:
            ctype, name = _NUMBERS[f]
            return name, self._plain(lambda a, s, n: fixed(ctype, a.buffers[1], s, n))
        if f == "b":
            return "BOOLEAN", self._plain(lambda a, s, n: bits(a.buffers[1], s, n))
        if f in ("u", "U", "z", "Z"):
            return ("VARCHAR" if f in "uU" else "BLOB"), self._plain(self._bytes(c_int32 if f in "uz" else c_int64, f in "uU"))
        if f[0] == "d":
            return self._decimal(f)
        if f[0] == "t":
            return self._time(f)
        if f == "n":
            return '"NULL"', lambda a, s, n: [None] * n
        if f == "w:16":
            return "UUID", self._plain(lambda a, s, n: [uuid.UUID(bytes=ctypes.string_at(a.buffers[1] + 16 * i, 16))
                                                        for i in range(s, s + n)])
        if f[0] == "+":
            return self._nested(f)
        return f, self._refuse

    def _refuse(self, array: Any, start: int, n: int) -> list:
        raise errors.Unsupported(f"column {self.name}: Arrow's format {self.format} is not read here",
                                 f"CAST({self.name} AS VARCHAR), or take the rows as Arrow")

    @staticmethod
    def _plain(values: Reader) -> Reader:
        def read(array: Any, start: int, n: int) -> list:
            valid = validity(array, start, n)
            if valid is None:
                return values(array, start, n)
            if not any(valid):
                return [None] * n
            return [value if ok else None for value, ok in zip(values(array, start, n), valid)]
        return read

    @staticmethod
    def _convert(ctype: Any, convert: Callable[[Any], Any]) -> Reader:
        """What may be out of range is looked at only where it is not null."""
        def read(array: Any, start: int, n: int) -> list:
            valid = validity(array, start, n) or [True] * n
            values = fixed(ctype, array.buffers[1], start, n)
            return [convert(value) if ok else None for value, ok in zip(values, valid)]
        return read

    @staticmethod
    def _bytes(ctype: Any, text: bool) -> Reader:
        def values(array: Any, start: int, n: int) -> list:
            if not n:
                return []
            at = fixed(ctype, array.buffers[1], start, n + 1)
            data = ctypes.string_at(array.buffers[2] + at[0], at[-1] - at[0]) if at[-1] > at[0] else b""
            pairs = zip([a - at[0] for a in at[:-1]], [a - at[0] for a in at[1:]])
            if not text:
                return [data[a:b] for a, b in pairs]
            if data.isascii():
                all_text = data.decode()
                return [all_text[a:b] for a, b in pairs]
            return [data[a:b].decode(errors="replace") for a, b in pairs]
        return values

    def _decimal(self, f: str) -> tuple[str, Reader]:
        parts = [int(x) for x in f[2:].split(",")]
        precision, scale, width = parts[0], parts[1], (parts[2] if len(parts) > 2 else 128) // 8

        def values(array: Any, start: int, n: int) -> list:
            raw = ctypes.string_at(array.buffers[1] + start * width, n * width) if n else b""
            numbers = [int.from_bytes(raw[i:i + width], "little", signed=True) for i in range(0, len(raw), width)]
            return numbers if scale == 0 else [decimal.Decimal(x).scaleb(-scale, _DECIMALS) for x in numbers]
        return f"DECIMAL({precision},{scale})", self._plain(values)

    def _time(self, f: str) -> tuple[str, Reader]:
        if f == "tdD":
            return "DATE", self._convert(c_int32, lambda v: datetime.date.fromordinal(719163 + v))
        if f[:2] == "tt":
            times, by = _UNITS[f[2]]
            return "TIME", self._convert(c_int32 if f[2] in "sm" else c_int64, lambda v: _time_of(v * times // by))
        if f == "tin":
            return "INTERVAL", self._plain(_intervals)
        if f[:2] == "tD":
            times, by = _UNITS[f[2]]
            return "INTERVAL", self._convert(c_int64, lambda v: datetime.timedelta(microseconds=v * times // by))
        if f[:2] != "ts":
            return f, self._refuse
        times, by = _UNITS[f[2]]
        zone = f[4:]
        if not zone:
            return "TIMESTAMP", self._convert(c_int64, lambda v: _EPOCH + datetime.timedelta(microseconds=v * times // by))
        utc = _EPOCH.replace(tzinfo=datetime.timezone.utc)
        local = ZoneInfo(zone) if ZoneInfo and zone != "UTC" else datetime.timezone.utc
        return "TIMESTAMPTZ", self._convert(
            c_int64, lambda v: (utc + datetime.timedelta(microseconds=v * times // by)).astimezone(local))

    def _nested(self, f: str) -> tuple[str, Reader]:
        kinds = self.children
        if f == "+s":
            names = [kind.name for kind in kinds]

            def members(array: Any, start: int, n: int) -> list:
                columns = [kind.read(array.children[i].contents, start, n) for i, kind in enumerate(kinds)]
                return [dict(zip(names, row)) for row in zip(*columns)]
            return f"STRUCT({', '.join(map(repr, kinds))})", self._plain(members)
        if f == "+m":
            key, value = kinds[0].children
            pairs = self._lists(c_int32)
            as_dict = key.format[0] != "+"

            def entries(array: Any, start: int, n: int) -> list:
                rows = [[tuple(entry.values()) for entry in row] for row in pairs(array, start, n)]
                return [dict(row) for row in rows] if as_dict else rows
            return f"MAP({key.type}, {value.type})", self._plain(entries)
        if f in ("+l", "+L"):
            return kinds[0].type + "[]", self._plain(self._lists(c_int32 if f == "+l" else c_int64))
        if f[:3] == "+w:":
            size = int(f[3:])

            def arrays(array: Any, start: int, n: int) -> list:
                items = kinds[0].read(array.children[0].contents, start * size, n * size)
                return [items[i * size:(i + 1) * size] for i in range(n)]
            return f"{kinds[0].type}[{size}]", self._plain(arrays)
        if f[:4] == "+us:":
            which = {int(tag): i for i, tag in enumerate(f[4:].split(","))}

            def chosen(array: Any, start: int, n: int) -> list:
                columns = [kind.read(array.children[i].contents, start, n) for i, kind in enumerate(kinds)]
                return [columns[which[tag]][row] for row, tag in enumerate(fixed(c_int8, array.buffers[0], start, n))]
            return "UNION", chosen
        return f, self._refuse

    def _lists(self, ctype: Any) -> Reader:
        item = self.children[0]

        def lists(array: Any, start: int, n: int) -> list:
            if not n:
                return []
            at = fixed(ctype, array.buffers[1], start, n + 1)
            items = item.read(array.children[0].contents, at[0], at[-1] - at[0])
            return [items[a - at[0]:b - at[0]] for a, b in zip(at, at[1:])]
        return lists

    def _dictionary(self, words: Column) -> Reader:
        ctype = _NUMBERS[self.format][0]

        def values(array: Any, start: int, n: int) -> list:
            known = words.read(array.dictionary.contents, 0, array.dictionary.contents.length)
            valid = validity(array, start, n) or [True] * n
            indexes = fixed(ctype, array.buffers[1], start, n)
            return [known[i] if ok else None for i, ok in zip(indexes, valid)]
        return values


def _time_of(us: int) -> datetime.time:
    if not 0 <= us < _DAY_US:
        raise OverflowError("past the end of the day")
    return (_EPOCH + datetime.timedelta(microseconds=us)).time()


def _intervals(array: Any, start: int, n: int) -> list:
    base = array.buffers[1]
    return [Interval(*fixed(c_int32, base + 16 * i, 0, 2), *fixed(c_int64, base + 16 * i + 8, 0, 1))
            for i in range(start, start + n)]


def read_batch(columns: list[Column], array: Any, limit: int = -1) -> list[tuple]:
    """The rows of a batch as tuples, at most `limit` of them."""
    n = array.length if limit < 0 else min(limit, array.length)
    return list(zip(*(column.read(array.children[i].contents, array.offset, n) for i, column in enumerate(columns))))


_NUMPY = {"b": "?", "c": "i1", "C": "u1", "s": "i2", "S": "u2", "i": "i4", "I": "u4", "l": "i8", "L": "u8", "f": "f4",
          "g": "f8", "tdD": "datetime64[D]", "tss": "datetime64[s]", "tsm": "datetime64[ms]", "tsu": "datetime64[us]",
          "tsn": "datetime64[ns]"}


def numpy_batch(numpy: Any, column: Column, array: Any, start: int, n: int) -> tuple[Any, Any]:
    """The values, and where they are null (None: nowhere). What numpy has no type for comes as objects."""
    kind = _NUMPY.get(column.format[:3] if column.format[:2] == "ts" else column.format)
    if not n:
        return numpy.empty(0, dtype=kind or object), None
    at = start + array.offset
    if kind is None or array.dictionary:
        values = numpy.empty(n, dtype=object)
        for i, value in enumerate(column.read(array, start, n)):
            values[i] = value
        return values, None
    valid = validity(array, at, n)
    mask = None if valid is None else ~numpy.array(valid, dtype=bool)
    if kind == "?":
        return numpy.array(bits(array.buffers[1], at, n), dtype=bool), mask
    if column.format == "tdD":
        return numpy.array(fixed(c_int32, array.buffers[1], at, n), dtype="i8").view(kind), mask
    size = numpy.dtype(kind).itemsize
    return numpy.frombuffer(ctypes.string_at(array.buffers[1] + at * size, n * size), dtype=kind), mask
