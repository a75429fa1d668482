"""_lib.py: libtarn through ctypes, which lets go of the GIL in every call, and Arrow's structs and capsules."""
from __future__ import annotations

import ctypes
import os
import pathlib
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_int, c_int64, c_size_t, c_void_p, py_object
from typing import Any

from . import errors

ABI = 2


class TarnError(Structure):
    _fields_ = [("size", c_size_t), ("code", c_int), ("sqlstate", c_char * 6), ("retry_may_help", c_int), ("line", c_int),
                ("column", c_int), ("message", c_char * 2048), ("hint", c_char * 512)]


class Options(Structure):
    _fields_ = [("size", c_size_t), ("uri", c_char_p), ("settings", POINTER(c_char_p))]


class Param(Structure):
    _fields_ = [("name", c_char_p), ("type", c_int), ("i", c_int64), ("d", c_double), ("data", c_char_p), ("n", c_size_t)]


class ArrowSchema(Structure):
    pass


class ArrowArray(Structure):
    pass


class ArrowStream(Structure):
    pass


_release_schema = ctypes.CFUNCTYPE(None, POINTER(ArrowSchema))
_release_array = ctypes.CFUNCTYPE(None, POINTER(ArrowArray))
_release_stream = ctypes.CFUNCTYPE(None, POINTER(ArrowStream))
ArrowSchema._fields_ = [
    ("format", c_char_p), ("name", c_char_p), ("metadata", c_void_p), ("flags", c_int64), ("n_children", c_int64),
    ("children", POINTER(POINTER(ArrowSchema))), ("dictionary", POINTER(ArrowSchema)), ("release", _release_schema),
    ("private_data", c_void_p)]
ArrowArray._fields_ = [
    ("length", c_int64), ("null_count", c_int64), ("offset", c_int64), ("n_buffers", c_int64), ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)), ("children", POINTER(POINTER(ArrowArray))), ("dictionary", POINTER(ArrowArray)),
    ("release", _release_array), ("private_data", c_void_p)]
ArrowStream._fields_ = [
    ("get_schema", ctypes.CFUNCTYPE(c_int, POINTER(ArrowStream), POINTER(ArrowSchema))),
    ("get_next", ctypes.CFUNCTYPE(c_int, POINTER(ArrowStream), POINTER(ArrowArray))),
    ("get_last_error", ctypes.CFUNCTYPE(c_char_p, POINTER(ArrowStream))), ("release", _release_stream),
    ("private_data", c_void_p)]

ROWS_FN = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, POINTER(ArrowStream), POINTER(TarnError))


def release(struct: Any) -> None:
    """Releases an Arrow struct that has not been moved away."""
    if struct.release:
        struct.release(byref(struct))


def library_path() -> str:
    """TARN_LIBRARY, else the library in the package, else one that the system finds."""
    here = pathlib.Path(__file__).parent / "lib" / "libtarn.so.0"
    return os.environ.get("TARN_LIBRARY") or (str(here) if here.exists() else "libtarn.so.0")


def _load() -> ctypes.CDLL:
    path = library_path()
    try:
        lib = ctypes.CDLL(path)
    except OSError as why:
        raise ImportError(f"tarn: cannot load {path}: {why}; set TARN_LIBRARY to the path of libtarn.so") from None
    if lib.tarn_abi_version() < ABI:
        raise ImportError(f"tarn: {path} is older than this package; set TARN_LIBRARY to the libtarn that came with it")
    pointer, error = POINTER(c_void_p), POINTER(TarnError)
    for name, result, args in (
        ("code_name", c_char_p, [c_int]),
        ("open", c_int, [POINTER(Options), pointer, error]),
        ("close", None, [c_void_p]),
        ("session_open", c_int, [c_void_p, c_char_p, pointer, error]),
        ("session_close", None, [c_void_p]),
        ("session_register", c_int, [c_void_p, c_char_p, c_void_p, c_void_p, error]),
        ("session_on_missing", None, [c_void_p, ROWS_FN, c_void_p]),
        ("statement_length", c_size_t, [c_char_p, c_size_t, c_int]),
        ("query", c_int, [c_void_p, c_char_p, POINTER(Param), c_size_t, pointer, error]),
        ("result_schema", c_int, [c_void_p, POINTER(ArrowSchema), error]),
        ("result_peek", c_int, [c_void_p, POINTER(POINTER(ArrowArray)), error]),
        ("result_stream", c_int, [c_void_p, POINTER(ArrowStream), error]),
        ("result_is_query", c_int, [c_void_p]),
        ("result_close", None, [c_void_p]),
        ("cancel", None, [c_void_p]),
        ("progress", c_double, [c_void_p]),
    ):
        function = getattr(lib, "tarn_" + name)
        function.restype, function.argtypes = result, args
    return lib


lib = _load()
CODES = {code: lib.tarn_code_name(code).decode() for code in range(1, 15)}
CODE_OF = {name: code for code, name in CODES.items()}


def call(function: Any, *args: Any) -> None:
    """Calls a function of libtarn that takes a tarn_error last, and raises what it reports."""
    error = TarnError(size=ctypes.sizeof(TarnError))
    code = function(*args, byref(error))
    if code:
        raise errors.BY_CODE.get(CODES.get(code, ""), errors.Internal)(
            error.message.decode(errors="replace"), error.hint.decode(errors="replace"), error.sqlstate.decode(), error.line,
            error.column, bool(error.retry_may_help))


# CAPSULES: how Arrow's structs pass between Python packages.

_py = ctypes.pythonapi
_py.PyCapsule_New.restype, _py.PyCapsule_New.argtypes = py_object, [c_void_p, c_char_p, c_void_p]
_py.PyMem_RawCalloc.restype, _py.PyMem_RawCalloc.argtypes = c_void_p, [c_size_t, c_size_t]
_py.PyMem_RawFree.restype, _py.PyMem_RawFree.argtypes = None, [c_void_p]
_get_pointer = ctypes.PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", _py))
# For destructors: they see an object that must not be counted again.
_get_raw_pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", _py))
_NAMES = {ArrowSchema: b"arrow_schema", ArrowStream: b"arrow_array_stream"}


def _make_destructor(kind: Any) -> Any:
    def destroy(capsule: int, name: bytes = _NAMES[kind], get: Any = _get_raw_pointer, free: Any = _py.PyMem_RawFree) -> None:
        address = get(capsule, name)
        struct = kind.from_address(address)
        if struct.release:
            struct.release(ctypes.pointer(struct))
        free(address)

    thunk = ctypes.PYFUNCTYPE(None, c_void_p)(destroy)
    _py.Py_IncRef(py_object(thunk))  # capsules may outlive this module when Python ends
    return thunk


_DESTRUCTORS = {kind: _make_destructor(kind) for kind in _NAMES}


def make_capsule(kind: Any, fill: Any) -> Any:
    """A capsule with a struct of the kind, filled by fill(struct)."""
    address = _py.PyMem_RawCalloc(1, ctypes.sizeof(kind))
    if not address:
        raise MemoryError
    capsule = _py.PyCapsule_New(address, _NAMES[kind], ctypes.cast(_DESTRUCTORS[kind], c_void_p))
    fill(kind.from_address(address))
    return capsule


def move_stream(capsule: Any, out: Any) -> None:
    """Moves the stream out of a capsule into *out."""
    source = ArrowStream.from_address(_get_pointer(capsule, _NAMES[ArrowStream]))
    ctypes.memmove(out, byref(source), ctypes.sizeof(source))
    source.release = _release_stream()
