"""__main__.py: `tarn` and `python -m tarn`: the command line that comes with the package."""
import os
import pathlib
import sys


def main() -> None:
    program = pathlib.Path(__file__).parent / "lib" / "tarn"
    if not program.exists():
        sys.exit(f"tarn: {program} is not there: this package was not installed from a wheel; use build/tarn")
    os.execv(program, ["tarn", *sys.argv[1:]])


if __name__ == "__main__":
    main()
