"""An expression that takes twice as long with each letter more."""
import re

re.match("(a+)+b", "a" * 60)
