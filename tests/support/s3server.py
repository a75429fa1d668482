"""s3server.py: an S3 server of a test's own on loopback, which checks signatures, with one bucket and one key."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

MOTO = [pathlib.Path.home() / ".cache/tarn/s3-venv/bin/python", pathlib.Path(__file__).with_name("moto_server.py")]
REGION, BUCKET = "us-east-1", "lakes"
# moto looks at signatures from its fifth request on: the first four make the user, its key, its rights and the bucket.
UNSIGNED = 4


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class S3Server:
    """moto, or the versitygw that TARN_VERSITYGW names. `env` is what a client of it needs."""

    def __init__(self):
        self.endpoint = f"http://127.0.0.1:{free_port()}"
        self.prefixes = 0
        self.log = tempfile.TemporaryFile()
        self.folder = None
        gateway = os.environ.get("TARN_VERSITYGW")
        self._versitygw(gateway) if gateway else self._moto()

    def _start(self, command, **env):
        self.process = subprocess.Popen(command, env={**os.environ, **env}, stdout=self.log, stderr=self.log)
        self._wait()

    def _versitygw(self, program):
        self.folder = tempfile.mkdtemp(prefix="tarn-versitygw-", dir=os.environ.get("TMPDIR"))
        os.mkdir(f"{self.folder}/{BUCKET}")
        self.env = {"AWS_ACCESS_KEY_ID": "tarn", "AWS_SECRET_ACCESS_KEY": "a-secret/of+tests", "AWS_REGION": REGION,
                    "AWS_ENDPOINT_URL": self.endpoint}
        self._start([program, "--access", self.env["AWS_ACCESS_KEY_ID"], "--secret", self.env["AWS_SECRET_ACCESS_KEY"], "--region", REGION,
                     "--port", self.endpoint.removeprefix("http://"), "--quiet", "posix", self.folder])

    def _moto(self):
        self._start([*MOTO, "-H", "127.0.0.1", "-p", self.endpoint.rpartition(":")[2]], INITIAL_NO_AUTH_ACTION_COUNT=str(UNSIGNED))
        self._iam("CreateUser", UserName="tarn")
        made = self._iam("CreateAccessKey", UserName="tarn")
        everything = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
        self._iam("PutUserPolicy", UserName="tarn", PolicyName="all", PolicyDocument=everything)
        self._send("PUT", f"/{BUCKET}", "s3")
        self.env = {"AWS_ACCESS_KEY_ID": re.search("<AccessKeyId>(.*)</AccessKeyId>", made)[1],
                    "AWS_SECRET_ACCESS_KEY": re.search("<SecretAccessKey>(.*)</SecretAccessKey>", made)[1],
                    "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.endpoint}

    def _wait(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(self.endpoint.rpartition(":")[2])), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.log.seek(0)
                    raise RuntimeError("the S3 server does not start:\n" + self.log.read().decode(errors="replace")) from None
                time.sleep(0.05)

    def _send(self, method, path, service, data=None):
        headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/{service}/aws4_request, "
                                    "SignedHeaders=host, Signature=0"}
        request = urllib.request.Request(self.endpoint + path, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def _iam(self, action, **parameters):
        parameters = {"Action": action, "Version": "2010-05-08", **parameters}
        return self._send("POST", "/", "iam", urllib.parse.urlencode(parameters).encode())

    def prefix(self):
        """A part of the bucket that nobody else has."""
        self.prefixes += 1
        return f"s3://{BUCKET}/{self.prefixes}"

    def requests(self):
        """What was asked so far, as "GET /lakes/key"; keys are decoded."""
        self.log.flush()
        text = os.pread(self.log.fileno(), 1 << 30, 0).decode(errors="replace")
        return re.findall(r'"(?:\x1b\[[0-9;]*m)*((?:GET|PUT|POST|HEAD|DELETE) [^"]*) HTTP', text)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        if self.folder:
            shutil.rmtree(self.folder)
