"""test_cli.py: the tarn binary as a user or a script meets it: exit codes, errors, formats, parameters, files, signals."""
import csv
import io
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import pytest

TARN = pathlib.Path(os.environ.get("TARN_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build")) / "tarn"
LONG_QUERY = "SELECT count(*) FROM range(100000) a, range(10000000) b WHERE (a.range * b.range) % 7 = 1"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cli") / "lake")


@pytest.fixture
def tarn(lake):
    def run(*words, text=None, code=0):
        done = subprocess.run([TARN, "-w", lake, *words], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stderr if code else done.stdout

    return run


def rows(tarn, sql, *words):
    return [json.loads(line) for line in tarn("sql", "--format", "jsonl", *words, sql).splitlines()]


def test_help_and_version(tarn):
    assert "doctor" in tarn("help") and tarn("help", "sql") == tarn("sql", "-h")
    assert tarn("--version").startswith("tarn 0.")


@pytest.mark.parametrize("words", [
    ["nothing"], ["sql", "--no-such-option"], ["sql", "--format", "xml", "SELECT 1"], ["sql", "SELECT 1", "SELECT 2"],
    ["sql", "--format", "parquet", "SELECT 1"], ["sql", "--param", "x", "SELECT 1"], ["sql", "-f"], ["--set", "x", "sql"], ["doctor", "x"],
])
def test_wrong_usage_is_2(tarn, words):
    assert tarn(*words, text="", code=2).startswith("tarn: ")


def test_no_command_prints_the_help_and_is_2(lake):
    done = subprocess.run([TARN], capture_output=True, text=True)
    assert done.returncode == 2 and "Commands:" in done.stderr


def test_jsonl(tarn):
    [row] = rows(tarn, """SELECT 1 AS i, 9007199254740993 AS big, 1.50::DECIMAL(5,2) AS d, sum(r) AS s, DATE '2024-02-29' AS day,
        TIMESTAMP '2024-01-02 03:04:05.5' AS ts, TIMESTAMPTZ '2024-01-02 03:04:05+00' AS tz, '\\xAB'::BLOB AS b, {'a': [1, NULL]} AS st,
        MAP {'k': 1} AS m, 'nan'::DOUBLE AS nan, '-inf'::DOUBLE AS inf, NULL AS n, true AS t, 'é"' AS u, 'x'::ENUM('x', 'y') AS e,
        '00112233-4455-6677-8899-aabbccddeeff'::UUID AS uu, 170141183460469231731687303715884105727::HUGEINT AS h
        FROM range(4) t(r)""")
    assert row == {
        "i": 1, "big": "9007199254740993", "d": "1.50", "s": 6, "day": "2024-02-29", "ts": "2024-01-02T03:04:05.500000",
        "tz": "2024-01-02T03:04:05.000000Z", "b": "ab", "st": {"a": [1, None]}, "m": [["k", 1]], "nan": "NaN", "inf": "-Infinity", "n": None,
        "t": True, "u": 'é"', "e": "x", "uu": "00112233-4455-6677-8899-aabbccddeeff", "h": "170141183460469231731687303715884105727"}


def test_json_is_one_array(tarn):
    assert json.loads(tarn("sql", "--format", "json", "SELECT i FROM range(3) t(i)")) == [{"i": 0}, {"i": 1}, {"i": 2}]
    assert json.loads(tarn("sql", "--format", "json", "SELECT 1 WHERE false")) == []


def test_csv_quotes_what_it_must(tarn):
    text = tarn("sql", "--format", "csv", "SELECT 'a,b' AS x, 'say \"hi\"' AS y, NULL AS z, '' AS e, 'two' || chr(10) || 'lines' AS l")
    assert list(csv.reader(io.StringIO(text))) == [["x", "y", "z", "e", "l"], ["a,b", 'say "hi"', "", "", "two\nlines"]]
    assert ',,"",' in text


def test_table_is_aligned_and_safe_for_a_terminal(tarn):
    text = tarn("sql", "SELECT 5 AS n, '日本' AS s, 'x' AS t UNION ALL SELECT 1000, chr(27) || '[2J', NULL ORDER BY n")
    assert text.splitlines() == ["   n  s          t", "----  ---------  ----", "   5  日本       x", "1000  \\u001b[2J  NULL", "(2 rows)"]


def test_markdown(tarn):
    assert tarn("sql", "--format", "markdown", "SELECT 1 AS n, 'a|b' AS s") == "| n | s |\n| ---: | --- |\n| 1 | a\\|b |\n"


def test_a_large_result_streams_with_all_its_rows(tarn):
    lines = tarn("sql", "SELECT i FROM range(25000) t(i)").splitlines()
    assert len(lines) == 25003 and lines[2].strip() == "0" and lines[-2].strip() == "24999" and lines[-1] == "(25000 rows)"


def test_parameters_have_types(tarn):
    words = [w for p in ["i=7", "f=1.5", "b=true", "n=null", "t=007", "q='5'"] for w in ("--param", p)]
    assert rows(tarn, "SELECT $i + 1 AS i, $f AS f, $b AS b, $n AS n, $t AS t, $q || '!' AS q", *words) == [
        {"i": 8, "f": 1.5, "b": True, "n": None, "t": "007", "q": "5!"}]
    assert rows(tarn, "SELECT ? AS a, ? AS b", "--param", "2=y", "--param", "1=x") == [{"a": "x", "b": "y"}]
    assert rows(tarn, "SELECT $x AS a; SELECT '$x' AS b", "--param", "x=1") == [{"a": 1}, {"b": "$x"}]


def test_statements_come_from_standard_input_and_files(tarn, tmp_path):
    assert tarn("sql", "--format", "jsonl", text="SELECT 1 AS a; -- one\nSELECT ';' AS b") == '{"a":1}\n{"b":";"}\n'
    script = tmp_path / "script.sql"
    script.write_text("\ufeffSELECT 1 AS a;\n")
    assert tarn("sql", "--format", "jsonl", "-f", str(script)) == '{"a":1}\n'
    assert tarn("sql", text=" -- nothing\n") == ""


def test_an_error_names_code_and_place_and_stops(tarn, tmp_path):
    script = tmp_path / "script.sql"
    script.write_text("SELECT 1;\n\nSELECT 2,\n  no_such_column FROM range(1);\nSELECT 3;\n")
    error = tarn("sql", "-f", str(script), code=1).splitlines()
    assert error[0].startswith(f"tarn: INVALID: {script}:4:3: ") and error[1:] == ["  no_such_column FROM range(1);", "  ^"]
    assert tarn("sql", "SELECT * FROM nowhere", code=1).startswith("tarn: NOTFOUND: ")
    assert tarn("sql", "SELECT 'open", code=1).startswith("tarn: INVALID: line 1, column 8: ")
    assert tarn("sql", "-f", str(tmp_path / "none.sql"), code=1).startswith("tarn: NOTFOUND: ")
    script.write_bytes(b"CREATE TABLE cut (a INT);\nSELECT 'a\0b'; DROP TABLE cut")
    assert tarn("sql", "-f", str(script), code=1).startswith(f"tarn: INVALID: {script}:2:10: a zero byte")
    assert tarn("sql", "SELECT * FROM cut", code=1).startswith("tarn: NOTFOUND: ")
    assert tarn("--set", "no.such=1", "sql", "SELECT 1", code=1).startswith("tarn: ")


def test_output_goes_to_a_file_that_is_whole_or_not_there(tarn, tmp_path):
    out = tmp_path / "out.csv"
    assert tarn("sql", "-o", str(out), "SELECT 1 AS a; SELECT 2 AS b").startswith("a\n1\n")
    assert out.read_text() == "b\n2\n"
    tarn("sql", "-o", str(out), "SELECT CASE WHEN i < 90000 THEN 1 ELSE error('late') END AS b FROM range(100000) t(i)", code=1)
    assert out.read_text() == "b\n2\n" and os.listdir(tmp_path) == ["out.csv"]
    tarn("sql", "-o", str(tmp_path / "none" / "x.csv"), "SELECT 1", code=1)


def test_parquet_and_arrow(tarn, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet
    parquet, arrow = tmp_path / "o.parquet", tmp_path / "o.arrow"
    tarn("sql", "-o", str(parquet), "SELECT 5 AS ignored; SELECT i FROM range(10) t(i)")
    assert pyarrow.parquet.read_table(parquet).to_pydict() == {"i": list(range(10))}
    tarn("sql", "-o", str(arrow), "SELECT i, 's' || i AS s FROM range(10000) t(i)")
    table = pyarrow.ipc.open_stream(arrow).read_all()
    assert table.num_rows == 10000 and table["s"][9999].as_py() == "s9999"


def test_a_statement_without_rows_reports(tarn):
    assert "lake.cli_reports" in tarn("sql", "CREATE SCHEMA cli_reports")
    assert tarn("-q", "sql", "DROP SCHEMA cli_reports") == ""


def test_interrupt_cancels(lake):
    process = subprocess.Popen([TARN, "-w", lake, "sql", LONG_QUERY], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "") and error.startswith("tarn: CANCELLED: ")


def test_a_warehouse_is_a_uri(tarn):
    assert "warehouse mem://a/b is ready" in tarn("init", "mem://a/b")
    listing = "CREATE SCHEMA s; CREATE TABLE s.t (i INT); ALTER TABLE s.t RENAME TO s.u; SHOW TABLES; DROP TABLE s.u PURGE; SHOW TABLES"
    found = tarn("-w", "mem://a/b", "sql", "--format", "jsonl", listing).splitlines()
    assert [json.loads(line)["name"] for line in found if '"name"' in line] == ["u"]
    assert "sound" in tarn("-w", "mem://a", "doctor")


@pytest.mark.parametrize("uri, code, message", [
    ("ftp://host/lake", "UNSUPPORTED", "no store for"),
    ("s3://key:hidden@bucket/lake", "INVALID", "credentials by settings"),
    ("mem://", "INVALID", "empty"),
    ("mem://a/../b", "INVALID", '".."'),
])
def test_a_wrong_uri_is_told_and_no_secret_of_it(tarn, uri, code, message):
    error = tarn("-w", uri, "sql", "SELECT 1", code=1)
    assert error.startswith(f"tarn: {code}: warehouse: ") and message in error and "hidden" not in error


def test_doctor_finds_this_installation_sound(tarn):
    lines = tarn("doctor").splitlines()
    assert lines[-1] == "sound" and all(line.startswith("ok ") for line in lines[:-1])


class Shell:
    """tarn sql on a terminal."""

    def __init__(self, lake, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = dict(os.environ, HOME=str(home), TERM="xterm", LANG="C.UTF-8")
            environment.pop("XDG_STATE_HOME", None)
            os.execve(TARN, ["tarn", "-w", lake, "sql"], environment)
        self.expect("tarn> ")

    def expect(self, mark):
        text, end = b"", time.time() + 20
        while mark.encode() not in text:
            assert time.time() < end, f"no {mark!r} in {text!r}"
            if select.select([self.fd], [], [], 0.1)[0]:
                text += os.read(self.fd, 65536)
        return text.decode(errors="replace")

    def say(self, text, mark="tarn> "):
        os.write(self.fd, text.encode())
        return self.expect(mark)

    def interrupt(self):
        """Ctrl-C until there is a prompt: on a loaded machine the first may come before the terminal is read."""
        for _ in range(5):
            os.write(self.fd, b"\x03")
            text, end = b"", time.time() + 4
            while time.time() < end and b"tarn> " not in text:
                if select.select([self.fd], [], [], 0.1)[0]:
                    text += os.read(self.fd, 65536)
            if b"tarn> " in text:
                return text.decode(errors="replace")
        raise AssertionError("no prompt after Ctrl-C")


def test_shell(lake, tmp_path):
    shell = Shell(lake, tmp_path)
    shell.say("SELECT 40 +\n", "  ... ")
    assert "42" in shell.say("2 AS answer;\n")
    shell.say("nonsense that is not sent", "sent")
    shell.interrupt()
    assert "é日" in shell.say("SELECT 'é日' AS u;\n")
    shell.say("sel\t", "ect ")  # libedit draws only what is new
    assert "77" in shell.say(" 77;\n")
    assert "timing is on" in shell.say("\\timing\n")
    assert "CANCELLED" in shell.say(LONG_QUERY + ";\n", "\n") + (time.sleep(0.5) or shell.interrupt())
    assert '{"x":1}' in shell.say("\\format jsonl\n") + shell.say("SELECT 1 AS x;\n")
    assert "\\format" in shell.say("\\?\n")
    os.write(shell.fd, b"\\q\n")
    assert os.waitstatus_to_exitcode(os.waitpid(shell.pid, 0)[1]) == 0
    history = tmp_path / ".tarn_history"
    assert history.stat().st_mode & 0o777 == 0o600 and "answer" in history.read_text()
