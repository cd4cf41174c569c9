"""Names with a special meaning to code that prints or formats them."""
import os

names = ["%s%s%n%x", "a\nb", "\r\n2026-01-01 fake log line", "\x1b[2J\x1b]0;title\x07", "\x1b[31mred", "$(id)", "`id`", "; rm -rf .", "{0}", "{{x}}", "<script>alert(1)<script>", "*", "?", "[a]", "'\"", "\\", "\u202egnp.exe", "a" * 200 + "\u0301"]
for name in names:
    with open(name, "x") as file:
        file.write(name)
for name in names:
    assert open(name, newline="").read() == name, name
    os.rename(name, name + "x")
    os.unlink(name + "x")
try:
    open("%s%n\n\x1b[31m")
except FileNotFoundError as error:
    assert error.filename == "%s%n\n\x1b[31m"
print("held")
