import os
import subprocess

print(os.system("exit 3"))
print(subprocess.run(["true"]).returncode)
