"""tarnlib.py: libtarn's C API through ctypes, as far as tests need it; rows come over as Arrow."""
import ctypes
import os
import pathlib

import pyarrow

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))


class Error(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("code", ctypes.c_int), ("sqlstate", ctypes.c_char * 6),
                ("retry_may_help", ctypes.c_int), ("line", ctypes.c_int), ("column", ctypes.c_int),
                ("message", ctypes.c_char * 2048), ("hint", ctypes.c_char * 512)]


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("uri", ctypes.c_char_p), ("settings", ctypes.POINTER(ctypes.c_char_p))]


class Param(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("type", ctypes.c_int), ("i", ctypes.c_int64), ("d", ctypes.c_double),
                ("data", ctypes.c_char_p), ("n", ctypes.c_size_t)]


class ArrowArrayStream(ctypes.Structure):
    _fields_ = [("get_schema", ctypes.c_void_p), ("get_next", ctypes.c_void_p), ("get_last_error", ctypes.c_void_p),
                ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]


class TarnError(Exception):
    def __init__(self, code, error):
        self.code = code
        self.message = error.message.decode()
        self.hint = error.hint.decode()
        self.line, self.column = error.line, error.column
        super().__init__(f"{code}: {self.message}")


def _load():
    lib = ctypes.CDLL(str(BUILD / "libtarn.so"))
    lib.tarn_code_name.restype = ctypes.c_char_p
    pointer = ctypes.POINTER(ctypes.c_void_p)
    lib.tarn_open.argtypes = [ctypes.POINTER(Options), pointer, ctypes.POINTER(Error)]
    lib.tarn_session_open.argtypes = [ctypes.c_void_p, ctypes.c_char_p, pointer, ctypes.POINTER(Error)]
    lib.tarn_query.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Param), ctypes.c_size_t, pointer,
                               ctypes.POINTER(Error)]
    lib.tarn_result_stream.argtypes = [ctypes.c_void_p, ctypes.POINTER(ArrowArrayStream), ctypes.POINTER(Error)]
    for name in ("tarn_result_close", "tarn_session_close", "tarn_close", "tarn_cancel"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
        getattr(lib, name).restype = None
    return lib


_lib = _load()


def _param(value, name=None):
    p = Param(name=name.encode() if name else None)
    if value is None:
        p.type = 0
    elif isinstance(value, bool):
        p.type, p.i = 1, int(value)
    elif isinstance(value, int):
        p.type, p.i = 2, value
    elif isinstance(value, float):
        p.type, p.d = 3, value
    else:
        data = value if isinstance(value, bytes) else value.encode()
        p.type, p.data, p.n = (5 if isinstance(value, bytes) else 4), data, len(data)
    return p


class Session:
    """A lake with one session. Raises TarnError."""

    def __init__(self, uri, settings=None):
        pairs = [text.encode() for pair in (settings or {}).items() for text in pair] + [None]
        options = Options(ctypes.sizeof(Options), str(uri).encode(), (ctypes.c_char_p * len(pairs))(*pairs))
        self.lake, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self._call(_lib.tarn_open, ctypes.byref(options), ctypes.byref(self.lake))
        self._call(_lib.tarn_session_open, self.lake, None, ctypes.byref(self.session))

    def _call(self, function, *args):
        error = Error(size=ctypes.sizeof(Error))
        code = function(*args, ctypes.byref(error))
        if code:
            raise TarnError(_lib.tarn_code_name(code).decode(), error)

    def sql(self, text, params=()):
        """The rows as a pyarrow table; params: a list by position or a dict by name."""
        named = params.items() if isinstance(params, dict) else ((None, value) for value in params)
        bound = [_param(value, name) for name, value in named]
        result, stream = ctypes.c_void_p(), ArrowArrayStream()
        self._call(_lib.tarn_query, self.session, text.encode(), (Param * len(bound))(*bound), len(bound),
                   ctypes.byref(result))
        try:
            self._call(_lib.tarn_result_stream, result, ctypes.byref(stream))
        finally:
            _lib.tarn_result_close(result)
        return pyarrow.RecordBatchReader._import_from_c(ctypes.addressof(stream)).read_all()

    def rows(self, text, params=()):
        table = self.sql(text, params)
        columns = [column.to_pylist() for column in table.columns]
        return list(zip(*columns)) if columns else []

    def cancel(self):
        _lib.tarn_cancel(self.session)

    def close(self):
        _lib.tarn_session_close(self.session)
        _lib.tarn_close(self.lake)
        self.session = self.lake = None
