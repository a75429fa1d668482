"""avrofile.py: Avro files with their blocks unpacked, for tests that damage them."""
import io
import zlib


def number(stream):
    value, shift = 0, 0
    while True:
        byte = stream.read(1)[0]
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value >> 1 ^ -(value & 1)


def long_of(value):
    value, out = value << 1 ^ value >> 63, b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def inflated(data):
    """An Avro file whose blocks are not compressed, so that damage reaches what is in them."""
    stream, pairs, blocks = io.BytesIO(data), {}, b""
    stream.read(4)
    while count := number(stream):
        for _ in range(count):
            name = stream.read(number(stream))
            pairs[name] = stream.read(number(stream))
    sync = stream.read(16)
    if pairs.get(b"avro.codec") != b"deflate":
        return data
    pairs[b"avro.codec"] = b"null"
    while stream.tell() < len(data):
        rows, block = number(stream), zlib.decompress(stream.read(number(stream)), -15)
        blocks += long_of(rows) + long_of(len(block)) + block + stream.read(16)
    head = b"".join(long_of(len(part)) + part for pair in pairs.items() for part in pair)
    return data[:4] + long_of(len(pairs)) + head + b"\0" + sync + blocks
