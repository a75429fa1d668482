"""tidy_test.py: each rule of tidy.py fires on the smallest tree that breaks it, and a clean tree passes."""
import pathlib
import tempfile
import unittest

import tidy


def c_file(name, body="int x;\n"):
    return f"/* {name}: what this file is for. */\n{body}"


def header(guard, body="int x;\n"):
    return c_file("x.h", f"#ifndef {guard}\n#define {guard}\n{body}#endif\n")


def function(n_lines):
    return "int f(int a,\n      int b) {\n" + "    a++;\n" * (n_lines - 3) + "}\n"


CLEAN = {
    "include/tarn.h": header("TARN_H"),
    "src/base/str.h": header("TARN_BASE_STR_H", '#include "tarn.h"\n'),
    "src/format/delta/log.c": c_file("log.c", '#include "base/str.h"\nstatic const char *name = "delta";\n'),
    "src/format/formats.c": c_file("formats.c", "extern int tarn_format_delta;\n"),
    "src/table/scan.c": c_file("scan.c", '/* As Delta does it. */\nint exit_code; /* "goto" is a word */\n' + function(70)),
    "src/table/scan_test.c": c_file("scan_test.c", '#include "session/session.h"\n#include <duckdb.h>\n'),
    "src/engine/duckdb.c": c_file("duckdb.c", '#include "duckdb.h"\n'),
    "src/cli/main.c": c_file("main.c", '#include "tarn.h"\n#include "cmd.h"\nint f(void) { exit(1); }\n'),
    "src/cli/cmd.h": header("TARN_CLI_CMD_H"),
    "src/base/options.def": "/* options.def: the settings, one a line. */\n" + "x" * 400 + "\n",
    "src/tarn.c": c_file("tarn.c", '#include "base/str.h"\n#include "table/scan.h"\n'),
    "src/codec/pattern.c": c_file("pattern.c", 'static const char *zone = "XXX";\n'),
    "Makefile": "all:\n\ttrue\n",
}


class TidyTest(unittest.TestCase):
    def problems(self, tree):
        with tempfile.TemporaryDirectory() as root:
            for path, text in tree.items():
                file = pathlib.Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
            checked = tidy.Tidy(root)
            checked.check()
            self.warnings = checked.warnings
            return checked.problems

    def assert_fires(self, path, text, line, message, **others):
        """The clean tree with this file breaks one rule: at this line, saying this."""
        found = self.problems(CLEAN | {path: text})
        self.assertEqual([(at, n) for at, n, _ in found], [(path, line)], found)
        self.assertIn(message, found[0][2])

    def test_clean(self):
        self.assertEqual(self.problems(CLEAN), [])
        self.assertEqual(self.warnings, [])

    def test_edges(self):
        for module, other in [("base", "codec"), ("store", "engine"), ("format", "format/delta"), ("format/delta", "format/iceberg"),
                              ("sql", "engine"), ("catalog", "table"), ("plan", "session"), ("stmt", "ops"), ("codec", "server")]:
            text = c_file("f.c", f'\n#include "{other}/x.h"\n')
            self.assert_fires(f"src/{module}/f.c", text, 3, f"{module} may not include {other}")
        self.assert_fires("src/format/registry.c", c_file("f.c", '#include "format/delta/x.h"\n'), 2, "may not include")

    def test_allowed_edges(self):
        for module, other in [("store", "net"), ("format/hudi", "format"), ("plan", "table"), ("ops", "session"), ("server", "ml")]:
            tree = CLEAN | {f"src/{module}/f.c": c_file("f.c", f'#include "{other}/x.h"\n')}
            self.assertEqual(self.problems(tree), [])

    def test_cli_sees_only_the_public_header(self):
        self.assert_fires("src/cli/sql.c", c_file("sql.c", '#include "base/str.h"\n'), 2, "cli may include only")

    def test_include_paths(self):
        for target in ["../base/str.h", "str.h", "./str.h"]:
            self.assert_fires("src/base/f.c", c_file("f.c", f'#include "{target}"\n'), 2, "by its path under src/")

    def test_include_loop(self):
        tree = CLEAN | {"src/base/a.h": header("TARN_BASE_A_H", '#include "base/b.h"\n'),
                        "src/base/b.h": header("TARN_BASE_B_H", '#include "base/c.h"\n'),
                        "src/base/c.h": header("TARN_BASE_C_H", '#include "base/a.h"\n')}
        found = self.problems(tree)
        self.assertEqual(len(found), 1)
        self.assertEqual(found[0][:2], ("src/base/c.h", 4))
        self.assertIn("src/base/a.h -> src/base/b.h -> src/base/c.h -> src/base/a.h", found[0][2])

    def test_library_homes(self):
        for path, target in [("table/f.c", "duckdb.h"), ("catalog/postgres.c", "sqlite3.h"), ("base/hash.c", "openssl/evp.h"),
                             ("model/f.c", "roaring/roaring.h"), ("format/delta/f.c", "zstd.h"), ("base/f.c", "snappy-c.h"),
                             ("net/f.c", "lz4frame.h"), ("base/hash.c", "zlib.h"), ("plan/f.c", "libpq-fe.h"),
                             ("store/f.c", "curl/curl.h"), ("base/f.c", "editline/readline.h"), ("server/f.c", "microhttpd.h")]:
            self.assert_fires(f"src/{path}", c_file("f.c", f"#include <{target}>\n"), 2, " only")

    def test_format_names(self):
        for line in ['static const char *f = "delta";', "int is_iceberg(void);", "int HUDI_VERSION;"]:
            self.assert_fires("src/table/f.c", c_file("f.c", line + "\n"), 2, "outside its home")
        for path in ["src/server/iceberg_rest.c", "src/cli/demo.c", "src/cli/demo_data.c", "src/format/hudi/f.c"]:
            self.assertEqual(self.problems(CLEAN | {path: c_file("f.c", 'char *f = "iceberg";\n')}), [])
        self.assertEqual(self.problems(CLEAN | {"src/table/f.c": c_file("f.c", "int deltas, shudi;\n")}), [])

    def test_sizes(self):
        self.assert_fires("src/base/f.c", c_file("f.c", "int x;\n" * 800), 800, "801 lines")
        self.assert_fires("src/base/f.h", header("TARN_BASE_F_H", "int x;\n" * 200), 200, "204 lines")
        self.assert_fires("include/tarn.h", header("TARN_H", "int x;\n" * 250), 250, "254 lines")
        self.assert_fires("src/base/f.c", c_file("f.c", "int x;\n\n" + function(71)), 4, "a function of 71 lines")
        self.assert_fires("src/base/f.c", c_file("f.c", "//" + " x" * 75 + "\n"), 2, "152 columns")
        self.assertEqual(self.problems(CLEAN | {"src/base/f.c": c_file("f.c", "//" + "\u00b5" * 148 + "\n")}), [])
        self.assertEqual(self.problems(CLEAN | {"src/base/f.c": c_file("f.c", "int x;\n" * 500)}), [])
        self.assertEqual([path for path, _, _ in self.warnings], ["src/base/f.c"])

    def test_folders(self):
        many = {f"src/ml/f{i}.c": c_file("f.c") for i in range(17)}
        tests = {f"src/ml/f{i}_test.c": c_file("f.c") for i in range(17)}
        self.assertIn("17 .c files", self.problems(CLEAN | many)[0][2])
        self.assertEqual(self.problems(CLEAN | tests), [])
        self.assertIn("without a line in EDGES", self.problems(CLEAN | {"src/extra/f.c": c_file("f.c")})[0][2])
        self.assert_fires("src/f.c", c_file("f.c"), 1, "only tarn.c does not")

    def test_text(self):
        self.assert_fires("src/base/f.c", c_file("f.c", "\tint x;\n"), 2, "a tab")
        self.assert_fires("tools/f.sh", "#!/bin/sh\n# f.sh: does it.\ntrue \n", 3, "blanks at the end")
        self.assert_fires("src/base/f.c", c_file("f.c", "int x;"), 2, "has no end")
        self.assert_fires("src/base/f.c", c_file("f.c", "int x;\r\n"), 1, "carriage returns")
        self.assert_fires("src/base/f.c", b"/* f.c: \xff */\n", 1, "not UTF-8")
        self.assert_fires("src/base/f.c", "", 1, "empty file")
        for mark in ["TODO", "FIXME", "XXX"]:
            self.assert_fires("src/base/f.c", c_file("f.c", f"/* {mark} later */\n"), 2, mark)
            self.assert_fires("docs/page.md", f"# Page\n{mark}\n", 2, mark)

    def test_first_line(self):
        self.assert_fires("src/base/f.c", "int x;\n", 1, "first line")
        self.assert_fires("src/base/f.c", "/* f.c */\n", 1, "first line")
        self.assert_fires("tools/f.py", "#!/usr/bin/env python3\nimport os\n", 1, "first line")

    def test_guard(self):
        self.assert_fires("src/base/f.h", c_file("f.h"), 1, "TARN_BASE_F_H")
        self.assert_fires("src/base/f.h", header("TARN_F_H"), 1, "TARN_BASE_F_H")

    def test_words(self):
        self.assert_fires("src/base/f.c", c_file("f.c", "void f(void) { goto end; }\n"), 2, "goto")
        for call in ["strcpy", "strcat", "sprintf", "atoi", "strtok", "setlocale", "gets", "system"]:
            self.assert_fires("src/base/f.c", c_file("f.c", f"int x = {call}(y);\n"), 2, call)
            self.assert_fires("tests/f_test.c", c_file("f.c", f"int x = {call}(y);\n"), 2, call)
        for call in ["exit", "chdir", "signal"]:
            self.assert_fires("src/base/f.c", c_file("f.c", f"int x = {call}(y);\n"), 2, call)
        fine = c_file("f.c", 'int x = snprintf(y) + my_system(z) + cx->signal(1);\nchar *s = "goto system(";\n')
        self.assertEqual(self.problems(CLEAN | {"src/base/f.c": fine}), [])


if __name__ == "__main__":
    unittest.main()
