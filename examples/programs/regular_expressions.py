import re

LOG = """\
2026-01-02 10:00:01 INFO  started in 12ms
2026-01-02 10:00:02 WARN  disk 91% full
2026-01-03 11:30:00 ERROR disk 100% full
"""
LINE = re.compile(r"^(?P<day>\d{4}-\d\d-\d\d) (?P<time>[\d:]+) (?P<level>[A-Z]+)\s+(?P<text>.*)$", re.M)
for match in LINE.finditer(LOG):
    print(match["level"], "|", re.sub(r"\d+", lambda number: f"<{number.group()}>", match["text"]), match.span())
print(re.split(r"\s*[,;]\s*", "one , two;three ;four"))
print(re.findall(r"(?i)\bd\w+", LOG))
