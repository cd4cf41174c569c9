# Modules that ask ctypes for their library by its name.
import crypt
import ctypes
import ctypes.util

print(crypt.crypt("secret", "$6$salt$")[:20], [method.name for method in crypt.methods])
for name in "c", "m", "z", "no_such_library":
    print(name, ctypes.util.find_library(name))
print(ctypes.CDLL(ctypes.util.find_library("m")).abs(-7))
