"""moto_server.py ARGUMENT…: moto, whose conditional writes are made atomic: as it comes, two racers may both win (2 of 400 rounds of 8)."""
import functools
import threading

from moto.s3.responses import S3Response
from moto.server import main

writing = threading.RLock()


def alone(method):
    @functools.wraps(method)
    def locked(*args, **kwargs):
        with writing:
            return method(*args, **kwargs)

    return locked


for name in ("put_object", "_key_response_post"):
    setattr(S3Response, name, alone(getattr(S3Response, name)))
main()
