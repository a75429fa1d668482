"""tidy.py [ROOT]: the rules of the house as a failing test: who may include what, where a library lives, how long things get."""
import os
import pathlib
import re
import sys

# Which modules (folders under src/) each module may include besides itself. This is the picture of docs/ARCHITECTURE.md,
# "Floors", as a table: a new edge is a line in a diff. "tarn.h" is the public header.
GROUND = ["tarn.h", "base"]
LAKE = GROUND + ["model", "codec", "net", "store", "engine"]
ROOM = LAKE + ["format", "table", "catalog", "sql", "plan", "session"]
ROOMS = ["stmt", "stream", "feature", "ml", "pipeline", "ops"]
EDGES = {
    "base": ["tarn.h"],
    "model": GROUND,
    "codec": GROUND,
    "codec/avro": GROUND + ["codec"],  # fills codec/avro*.h
    "net": GROUND,
    "store": GROUND + ["model", "codec", "net"],
    "engine": GROUND + ["model", "codec", "net", "store"],
    "format": LAKE,
    "format/delta": LAKE + ["format", "format/delta/feed", "format/delta/write"],
    "format/delta/write": LAKE + ["format", "format/delta"],
    "format/delta/feed": LAKE + ["format", "format/delta"],  # one format in several folders
    "format/iceberg": LAKE + ["format", "format/iceberg/write", "format/iceberg/tables"],
    "format/iceberg/write": LAKE + ["format", "format/iceberg"],  # one format in several folders
    "format/iceberg/tables": LAKE + ["format", "format/iceberg"],
    "format/hudi": LAKE + ["format"],
    "format/parquet": LAKE + ["format"],
    "table": LAKE + ["format", "sql"],  # a table's rules are SQL in any engine's spelling
    "catalog": LAKE + ["format"],
    "sql": GROUND + ["model", "codec"],
    "plan": LAKE + ["format", "table", "catalog", "sql"],
    "session": LAKE + ["format", "table", "catalog", "sql", "plan"],
    "stmt": ROOM + ["stmt/dml", "stmt/call"],
    "stmt/dml": ROOM + ["stmt"],  # the statements that change rows; one room in several folders
    "stmt/call": ROOM + ["stmt"],  # the procedures of CALL
    "stream": ROOM,
    "feature": ROOM,
    "ml": ROOM,
    "pipeline": ROOM,
    "ops": ROOM,
    "server": ROOM + ROOMS,
    "tarn.c": ROOM + ROOMS + ["server"],
    "adbc": GROUND + ["codec"],  # over the public header: what it needs besides is text and Arrow
    "cli": ["tarn.h", "cli/demo"],
    "cli/demo": ["tarn.h", "cli"],
}
# Single files that may include more: the lists that name the implementations.
FILE_EDGES = {
    "src/format/formats.c": ["format/delta", "format/iceberg", "format/hudi", "format/parquet"],
}

# Each library has one home: header, what it is, the paths (or folders, ending in /) that may include it.
LIBRARIES = [
    (r"duckdb\.h$", "DuckDB", ["src/engine/"]),
    (r"sqlite3", "SQLite", ["src/catalog/sqlite"]),
    (r"libpq|postgres", "libpq", ["src/catalog/"]),
    (r"openssl/", "OpenSSL", ["src/base/crypto.c"]),
    (r"zlib\.h$", "zlib", ["src/codec/", "src/base/crypto.c"]),
    (r"roaring/", "CRoaring", ["src/codec/"]),
    (r"(zstd|lz4|snappy)\w*(-c)?\.h$", "a codec library", ["src/codec/"]),
    (r"curl/", "libcurl", ["src/net/"]),
    (r"microhttpd", "libmicrohttpd", ["src/net/"]),
    (r"editline/|readline/|histedit", "libedit", ["src/cli/"]),
    (r"yaml\.h$", "libyaml", ["src/pipeline/"]),
    (r"rdkafka", "librdkafka", ["src/stream/"]),
    (r"hiredis", "hiredis", ["src/feature/"]),
    (r"LightGBM", "LightGBM", ["src/ml/"]),
]

# Where the name of a table format may stand in code (comments may name them anywhere).
FORMAT_NAMES = re.compile(r"(?<![a-z])(delta|iceberg|hudi)(?![a-z])", re.I)
FORMAT_HOMES = [
    "src/format/delta/", "src/format/iceberg/", "src/format/hudi/", "src/format/parquet/",
    "src/format/formats.c",        # the list of formats
    "src/sql/dialect_ref.c",       # the list of path prefixes and of scan functions
    "src/sql/parse_travel.c",      # delta.`path@v3`
    "src/stmt/settings.c",         # LOAD delta: what DuckDB calls its extensions
    "src/server/iceberg_rest.c",   # the protocol is called so
    "src/cli/demo",                # shows all of them
]

BANNED_WORDS = re.compile(r"\b(goto)\b")
BANNED_CALLS = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|atof|strtok|setlocale|gets|system)\s*\(")
# A library is a guest in its process; the binary is not.
BANNED_IN_LIBRARY = re.compile(r"(?<![\w.>])(exit|chdir|signal)\s*\(")
MARKS = re.compile(r"\b(TODO|FIXME|XXX)\b")

FILE_LINES, FILE_LINES_WARN, FUNCTION_LINES, COLUMNS = 800, 500, 70, 150
HEADER_LINES, HEADERS = 200, {"include/tarn.h": 250}
FOLDER_FILES = 16

FOLDERS = ["src", "include", "tests", "fuzz", "tools", "bench", "demo", "examples", "python", "console", "docs", ".ci"]
SUFFIXES = {".c", ".h", ".def", ".py", ".sh", ".md", ".cmake", ".sql", ".test", ".txt", ".in", ".env"}
SKIPPED_FOLDERS = {"build", "golden", "corpus", "node_modules", "__pycache__"}
NAMES_THE_RULES = {"tools/tidy.py", "tools/tidy_test.py", "CONTRIBUTING.md"}

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def lines_only(match):
    return "\n" * match[0].count("\n") or " "


def without_comments(text):
    return TOKEN.sub(lambda m: lines_only(m) if m[0][0] == "/" else m[0], text)


def without_strings(text):
    return TOKEN.sub(lambda m: m[0] if m[0][0] == "/" else lines_only(m), text)


class Tidy:
    """Collects what is wrong under a root; check() fills problems and warnings with (path, line, message)."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.problems, self.warnings = [], []
        self.includes = {}  # path under src/ or include/ -> [(line, path)]

    def fail(self, path, line, message):
        self.problems.append((path, line, message))

    def check(self):
        for path in self.files():
            try:
                text = (self.root / path).read_bytes().decode()
            except UnicodeDecodeError:
                self.fail(path, 1, "not UTF-8")
                continue
            self.check_text(path, text)
            if path.endswith((".c", ".h", ".def")):
                self.check_c(path, text)
        self.check_folders()
        self.check_loops()
        return self.problems

    def files(self):
        for entry in sorted(os.listdir(self.root)):
            if (self.root / entry).is_file() and (os.path.splitext(entry)[1] in SUFFIXES or entry == "Makefile"):
                yield entry
        for folder in FOLDERS:
            for at, folders, names in os.walk(self.root / folder):
                folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
                for name in sorted(names):
                    if os.path.splitext(name)[1] in SUFFIXES:
                        yield os.path.relpath(os.path.join(at, name), self.root)

    # Any text.

    def check_text(self, path, text):
        if not text:
            return self.fail(path, 1, "empty file")
        if not text.endswith("\n"):
            self.fail(path, text.count("\n") + 1, "the last line has no end")
        if "\r" in text:
            self.fail(path, 1, "carriage returns; lines end in \\n")
        code = path.endswith((".c", ".h"))
        for number, line in enumerate(text.split("\n"), 1):
            if "\t" in line and path != "Makefile":
                self.fail(path, number, "a tab; indent with spaces")
            if line.endswith(" ") and not path.endswith(".md"):
                self.fail(path, number, "blanks at the end of the line")
            if code and len(line) > COLUMNS:
                self.fail(path, number, f"{len(line)} columns; at most {COLUMNS}")
        for number, line in enumerate((without_strings(text) if code else text).split("\n"), 1):
            if path not in NAMES_THE_RULES and (mark := MARKS.search(line)):
                self.fail(path, number, f"{mark[0]}: do it, or file an issue")
        self.check_first_line(path, text.split("\n", 2))

    def check_first_line(self, path, lines):
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        opening = {".c": "/* ", ".h": "/* ", ".def": "/* ", ".py": '"""', ".sh": "# ", ".cmake": "# ", ".env": "# "}
        suffix = os.path.splitext(path)[1]
        if suffix in opening and not (first.startswith(opening[suffix]) and len(first.split()) >= 4):
            self.fail(path, 1, "the first line is no comment that says in one sentence what the file is")

    # C.

    def check_c(self, path, text):
        n_lines = text.count("\n")
        if not path.endswith(".def"):
            if n_lines > FILE_LINES:
                self.fail(path, FILE_LINES, f"{n_lines} lines; at most {FILE_LINES}")
            elif n_lines > FILE_LINES_WARN:
                self.warnings.append((path, FILE_LINES_WARN, f"{n_lines} lines; try to stay under {FILE_LINES_WARN}"))
        if path.endswith(".h"):
            self.check_header(path, text, n_lines)
        else:
            self.check_functions(path, text)
        code = without_comments(text)
        self.check_includes(path, code)
        self.check_words(path, code)

    def check_header(self, path, text, n_lines):
        most = HEADERS.get(path, HEADER_LINES)
        if n_lines > most:
            self.fail(path, most, f"{n_lines} lines; a header has at most {most}")
        inside = path.split("/", 1)[1]
        guard = re.sub(r"[^A-Z0-9]", "_", inside.upper())
        guard = guard if guard.startswith("TARN") else "TARN_" + guard
        if not re.search(rf"^#ifndef {guard}\n#define {guard}$", text, re.M):
            self.fail(path, 1, f"no include guard {guard}")

    def check_functions(self, path, text):
        start, inside = 0, False
        most = FUNCTION_LINES * 2 if path.endswith("_test.c") else FUNCTION_LINES  # a test may hold its table of cases
        for number, line in enumerate(text.split("\n"), 1):
            if not inside:
                start = number if line[:1].isalpha() else start
                inside = bool(start) and line.endswith("{")
            elif line.startswith("}"):
                if line == "}" and number - start >= most:
                    self.fail(path, start, f"a function of {number - start + 1} lines; at most {most}")
                start, inside = 0, False

    def check_words(self, path, code):
        bare = without_strings(code)
        in_library = path.startswith("src/") and not path.startswith("src/cli/") and not path.endswith("_test.c")
        homeless = in_library and not path.endswith(".def") and not path.startswith(tuple(FORMAT_HOMES))
        for number, line in enumerate(bare.split("\n"), 1):
            word = BANNED_WORDS.search(line) or BANNED_CALLS.search(line)
            if word:
                self.fail(path, number, f"{word[1]} is not used here")
            if in_library and (word := BANNED_IN_LIBRARY.search(line)):
                self.fail(path, number, f"{word[1]}() is for the binary; a library is a guest in its process")
        if homeless:
            for number, line in enumerate(code.split("\n"), 1):
                name = FORMAT_NAMES.search(line)
                if name and not INCLUDE.match(line):
                    self.fail(path, number, f"the format's name {name[0]} stands outside its home; see FORMAT_HOMES")

    def check_includes(self, path, code):
        found = self.includes.setdefault(path, [])
        for match in INCLUDE.finditer(code):
            number = code.count("\n", 0, match.start(2)) + 1
            target = match[2]
            if not path.startswith(("src/", "include/")):
                continue
            library = not path.endswith("_test.c") and self.is_library(path, number, target)
            if match[1] == '"' and not library:
                self.check_edge(path, number, target)
                where = "include/tarn.h" if target == "tarn.h" else "src/" + target
                found.append((number, where))

    def is_library(self, path, number, target):
        for header, library, homes in LIBRARIES:
            if re.match(header, target):
                if not path.startswith(tuple(homes)):
                    self.fail(path, number, f"{library} is for {' and '.join(homes)} only")
                return True
        return False

    def check_edge(self, path, number, target):
        if path.endswith("_test.c"):
            return
        module = module_of(path.removeprefix("src/"))
        if module == "cli":
            if target != "tarn.h" and not (self.root / "src/cli" / target).is_file():
                self.fail(path, number, f'cli may include only "tarn.h" and its own headers, not "{target}"')
            return
        other = "tarn.h" if target == "tarn.h" else module_of(target)
        if target.startswith(".") or other is None or (other == "tarn.c" and "/" not in target):
            return self.fail(path, number, f'"{target}": name an include by its path under src/, as "base/cx.h"')
        if module not in EDGES:
            return  # check_folders says so once
        allowed = EDGES[module] + FILE_EDGES.get(path, [])
        if other != module and other not in allowed:
            self.fail(path, number, f"{module} may not include {other} (see EDGES in tools/tidy.py)")

    # The tree.

    def check_folders(self):
        for at, folders, names in os.walk(self.root / "src"):
            folder = os.path.relpath(at, self.root)
            sources = [name for name in names if name.endswith(".c") and not name.endswith("_test.c")]
            if len(sources) > FOLDER_FILES:
                self.fail(folder, 1, f"{len(sources)} .c files; a folder has at most {FOLDER_FILES}")
            if names and folder != "src" and folder.removeprefix("src/") not in EDGES:
                self.fail(folder, 1, "a module without a line in EDGES (tools/tidy.py)")
            if folder == "src":
                for name in sorted(set(names) - {"tarn.c"}):
                    self.fail(f"src/{name}", 1, "files of src/ lie in modules; only tarn.c does not")

    def check_loops(self):
        done, way = set(), []

        def visit(path):
            way.append(path)
            for number, target in self.includes.get(path, []):
                if target in way:
                    loop = way[way.index(target):] + [target]
                    self.fail(path, number, "an include loop: " + " -> ".join(loop))
                elif target not in done:
                    visit(target)
            done.add(way.pop())

        for path in sorted(self.includes):
            if path not in done:
                visit(path)


def module_of(path):
    """The module of a path under src/: "format/delta" for format/delta/log.c, "tarn.c" for what lies in src/ itself."""
    return os.path.dirname(path) or "tarn.c"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    tidy = Tidy(root)
    for path, line, message in sorted(tidy.check()):
        print(f"{path}:{line}: {message}")
    for path, line, message in sorted(tidy.warnings):
        print(f"{path}:{line}: warning: {message}")
    print(f"tidy: {len(tidy.includes)} C files, {len(tidy.problems)} problems, {len(tidy.warnings)} warnings")
    sys.exit(bool(tidy.problems))


if __name__ == "__main__":
    main()
