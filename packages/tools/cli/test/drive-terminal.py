"""Runs a command at a pseudo-terminal: waits for text, types text, shows what the terminal showed.

Arguments: the command. Standard input: a JSON list of [wait, type]. Ends with the exit code of the command.
"""
import json
import os
import pty
import select
import sys

PATIENCE = 60  # seconds

steps = json.load(sys.stdin)
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])

screen = b""
seen = 0


def read():
    global screen
    ready, _, _ = select.select([terminal], [], [], PATIENCE)
    if not ready:
        sys.stderr.write("nothing more came; the last was %r\n" % screen[-300:])
        os.kill(pid, 9)
        sys.exit(99)
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    screen += piece
    return piece != b""


for wait, text in steps:
    wait = wait.encode()
    while wait not in screen[seen:]:
        if not read():
            sys.stderr.write("it ended before %r came; the last was %r\n" % (wait, screen[-300:]))
            sys.exit(98)
    seen = screen.index(wait, seen) + len(wait)
    os.write(terminal, text.encode())
while read():
    pass
sys.stdout.write(screen.decode("utf-8", "replace"))
sys.stdout.flush()
status = os.waitpid(pid, 0)[1]
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
