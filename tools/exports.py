"""exports.py LIBRARY: fails unless the library exports exactly the functions that include/tarn.h marks TARN_API."""
import pathlib
import re
import subprocess
import sys

header = pathlib.Path(__file__).resolve().parent.parent / "include/tarn.h"
declared = set(re.findall(r"^TARN_API\s[^;(]*?\b(tarn_\w+)\(", header.read_text(), re.M))
listing = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True).stdout
exported = {line.split()[-1].split("@")[0] for line in listing.splitlines()}
for name in sorted(declared - exported):
    print(f"include/tarn.h: {name} is declared but the library does not export it")
for name in sorted(exported - declared):
    print(f"{sys.argv[1]}: {name} is exported but not declared TARN_API in include/tarn.h")
print(f"{len(declared & exported)} functions exported")
sys.exit(declared != exported)
