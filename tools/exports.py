"""exports.py LIBRARY: fails unless the library exports exactly the functions marked TARN_API: those of include/tarn.h, and ADBC's entry points."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent
headers = "".join((root / name).read_text() for name in ("include/tarn.h", "src/adbc/adbc.h"))
declared = set(re.findall(r"^TARN_API\s[^;(]*?\b(tarn_\w+|Adbc\w+)\(", headers, re.M))
listing = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True).stdout
exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
for name in sorted(declared - exported):
    print(f"{name} is declared TARN_API but the library does not export it")
for name in sorted(exported - declared):
    print(f"{sys.argv[1]}: {name} is exported but not declared TARN_API")
print(f"{len(declared & exported)} functions exported")
sys.exit(declared != exported)
