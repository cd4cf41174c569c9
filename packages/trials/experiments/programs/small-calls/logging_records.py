# Records as programs log them: silenced, plain and formatted, to a stream in memory.
import io
import logging

stream = io.StringIO()
log = logging.getLogger("small calls")
log.propagate = False
log.addHandler(logging.StreamHandler(stream))
log.setLevel(logging.WARNING)

for i in range(COUNT):
    for _ in range(10):
        log.debug("silent")
    for _ in range(10):
        log.warning("plain")
    for _ in range(10):
        log.warning("formatted %s %d", "text", i)
    stream.seek(0)
    stream.truncate()
