# Many small calls: the process's id for each record, random bytes, metadata, flushed lines.
import io
import logging
import os

text = io.StringIO()
log = logging.getLogger("records")
log.propagate = False
handler = logging.StreamHandler(text)
handler.setFormatter(logging.Formatter("%(process)d %(levelname)s %(message)s"))
log.addHandler(handler)
for number in range(2000):
    log.warning("number %d", number)
lines = text.getvalue().splitlines()
print(len(lines), {line.split()[0] == str(os.getpid()) for line in lines}, lines[-1].split(" ", 1)[1])
print(len({os.urandom(8) for _ in range(1000)}), {os.stat(".").st_mode for _ in range(1000)} == {os.stat(".").st_mode})
for number in range(1000):
    print(number, flush=True)
