"""with_s3.py COMMAND…: runs a command with an S3 server of its own in the environment (AWS_…), and gives its exit code."""
import os
import subprocess
import sys

from s3server import S3Server

server = S3Server()
try:
    code = subprocess.run(sys.argv[1:], env={**os.environ, **server.env}).returncode
finally:
    server.stop()
sys.exit(code)
