"""gen_docs.py [--check]: writes docs/CONFIGURATION.md from src/base/options.def; --check only says whether it is stale."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/base/options.def"
PAGE = ROOT / "docs/CONFIGURATION.md"

HEAD = """# Settings

Every setting and every limit of Tarn, made from `src/base/options.def` by `make docs`.

A setting has the value of the first of these that names it: a flag (`settings` of `tarn_open`), `SET name = value` in the
session, the environment (`TARN_` and the name in capitals, dots as `_`), the warehouse, the default. `SHOW SETTINGS` tells which one it was.

Sizes take `kB MB GB TB` (powers of 1000) or `KiB MiB GiB TiB` (of 1024); durations `ms s m h d`, a bare number is ms.

| setting | type | default | range | what it does |
|---|---|---|---|---|
"""

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def arguments(text):
    """Splits the inside of TARN_OPTION(...) at its commas outside of strings."""
    return [part.strip() for part in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', text)]


def literal(text):
    return "".join(STRING.findall(text)).replace('\\"', '"').replace("\\\\", "\\")


def bounds(kind, low, high, choices):
    if kind == "ENUM":
        return ", ".join(f"`{choice}`" for choice in literal(choices).split("|"))
    if kind in ("TEXT", "BOOL"):
        return ""
    low, high = low.strip(), high.strip()
    if high.startswith("INT64_MAX"):
        return f"from {low}"
    high = {"INT32_MAX": str(2**31 - 1)}.get(high, high)
    unit = " ms" if kind == "DURATION" else ""
    return f"{low} to {high}{unit}"


def rows(source):
    for match in re.finditer(r'TARN_OPTION\(((?:[^()"]|"(?:[^"\\]|\\.)*"|\([^()]*\))*)\)', source):
        _, name, kind, default, low, high, choices, secret, text = arguments(match[1])
        kind = kind.removeprefix("TARN_OPT_")
        value = literal(default)
        shown = f"`{value}`" if value else ""
        note = " Never shown." if secret == "true" else ""
        cells = [f"`{literal(name)}`", kind.lower(), shown, bounds(kind, low, high, choices), literal(text) + note]
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |\n"


def page():
    source = TABLE.read_text()
    lines = list(rows(source))
    if len(lines) != len(re.findall(r"^TARN_OPTION\(", source, re.M)):
        sys.exit(f"{TABLE}: not every TARN_OPTION could be read; each has nine arguments")
    return HEAD + "".join(lines)


def main():
    text = page()
    current = PAGE.read_text() if PAGE.exists() else ""
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if text == current else f"{PAGE.relative_to(ROOT)} is stale; run: make docs")
    if text != current:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)
        print(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
