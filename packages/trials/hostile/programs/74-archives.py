"""An archive that is small and unpacks to more than there is, and archives that unpack to somewhere else."""
import io
import os
import tarfile
import zipfile

bomb = io.BytesIO()
with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("zeroes", bytes(8 << 20))
try:
    zipfile.ZipFile(bomb).extractall("/tmp")
    raise AssertionError("more than the disk holds")
except OSError as error:
    assert error.errno == 28, error
os.unlink("/tmp/zeroes")
slip = io.BytesIO()
with tarfile.open(fileobj=slip, mode="w") as archive:
    for name in ["../../../../etc/passwd", "/etc/passwd", "/usr/lib/pypy3.9/x"]:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
for member in tarfile.open(fileobj=io.BytesIO(slip.getvalue())):
    try:
        tarfile.open(fileobj=io.BytesIO(slip.getvalue())).extract(member, "/box")
        assert "usr" not in member.name or not os.path.exists("/usr/lib/pypy3.9/x")
    except OSError:
        pass
assert open("/etc/passwd").read().startswith("root:")
linked = io.BytesIO()
with tarfile.open(fileobj=linked, mode="w") as archive:
    member = tarfile.TarInfo("way")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    archive.addfile(member)
    member = tarfile.TarInfo("way/shadow")
    member.size = 1
    archive.addfile(member, io.BytesIO(b"x"))
try:
    tarfile.open(fileobj=io.BytesIO(linked.getvalue())).extractall("/box")
    raise AssertionError("written through a link")
except OSError:
    pass
print("held")
