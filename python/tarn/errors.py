"""errors.py: what can go wrong, one class per code of libtarn, placed in the hierarchy that PEP 249 asks for."""
from __future__ import annotations


class Warning(Exception):  # noqa: A001 (PEP 249 names it so)
    """Asked for by PEP 249; Tarn raises none."""


class Error(Exception):
    """The base of all errors of Tarn.

    Attributes: `code` ("NOTFOUND"), `message` (one line), `hint` (a further line, or ""), `sqlstate`, `line` and `column`
    (1-based place in the SQL text; 0: none), `retry_may_help` (the same call may succeed later).
    """

    code = "ERROR"

    def __init__(self, message: str, hint: str = "", sqlstate: str = "", line: int = 0, column: int = 0,
                 retry_may_help: bool = False) -> None:
        super().__init__(message)
        self.message, self.hint, self.sqlstate = message, hint, sqlstate
        self.line, self.column, self.retry_may_help = line, column, retry_may_help

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" + (f"\nhint: {self.hint}" if self.hint else "")


class InterfaceError(Error):
    """The package was used wrongly."""

    code = "INTERFACE"


class DatabaseError(Error):
    """Everything that libtarn reports."""


class DataError(DatabaseError):
    pass


class OperationalError(DatabaseError):
    pass


class IntegrityError(DatabaseError):
    pass


class InternalError(DatabaseError):
    pass


class ProgrammingError(DatabaseError):
    pass


class NotSupportedError(DatabaseError):
    pass


class NotFound(ProgrammingError):
    """A table, file, version or name does not exist."""

    code = "NOTFOUND"


class Exists(ProgrammingError):
    """It is there already."""

    code = "EXISTS"


class Conflict(OperationalError):
    """Another writer got there first; running it again may help."""

    code = "CONFLICT"


class Invalid(ProgrammingError):
    """The statement or an argument is wrong."""

    code = "INVALID"


class Denied(OperationalError):
    """This principal may not."""

    code = "DENIED"


class Unsupported(NotSupportedError):
    """Understood, but Tarn or the table's format cannot do it."""

    code = "UNSUPPORTED"


class Constraint(IntegrityError):
    """Rows break NOT NULL, CHECK, or a rule of MERGE."""

    code = "CONSTRAINT"


class Limit(OperationalError):
    """A limit was passed; the message names the setting."""

    code = "LIMIT"


class Corrupt(DataError):
    """Stored data is damaged or breaks its format's rules."""

    code = "CORRUPT"


class IOFailed(OperationalError):
    """The disk or the network failed."""

    code = "IO"


class NoMemory(OperationalError):
    """Out of memory."""

    code = "NOMEM"


class Timeout(OperationalError):
    """The statement's deadline passed."""

    code = "TIMEOUT"


class Cancelled(OperationalError):
    """The statement was cancelled."""

    code = "CANCELLED"


class Internal(InternalError):
    """A bug in Tarn."""

    code = "INTERNAL"


BY_CODE = {cls.code: cls for cls in (NotFound, Exists, Conflict, Invalid, Denied, Unsupported, Constraint, Limit, Corrupt,
                                     IOFailed, NoMemory, Timeout, Cancelled, Internal)}


def from_text(text: str) -> Error:
    """The error of a stream, which tells it as "CODE: message"."""
    code, _, message = text.partition(": ")
    return BY_CODE[code](message) if code in BY_CODE else Internal(text)
