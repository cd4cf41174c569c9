import subprocess
import sys

k = int(sys.stdin.readline())
pipeline = "tr A-Z a-z | grep -o '[a-z]*' | sort | uniq -c | sort -k1,1nr -k2 | head -n %d" % k
result = subprocess.run(["sh", "-c", pipeline], input=sys.stdin.read(), capture_output=True, text=True, check=True)
for line in result.stdout.splitlines():
    count, word = line.split()
    print(word, count)
