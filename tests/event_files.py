"""TensorBoard's files of a run read back."""

import struct

from tensorboardX.proto.event_pb2 import Event, SessionLog


def events(directory):
    """Of all files in the order of their names. A record is its length u64, a checksum u32, itself, a checksum u32."""
    for path in sorted((directory / "tensorboard").iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            yield Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]


def shown(directory):
    """{(tag, round): value}; a start at a round hides what came before for it and later ones, as in TensorBoard."""
    scalars = {}
    for event in events(directory):
        if event.session_log.status == SessionLog.START:
            scalars = {(tag, step): value for (tag, step), value in scalars.items() if step < event.step}
        scalars |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return scalars
