"""Dies where a core would be dumped."""
import ctypes

ctypes.CFUNCTYPE(None)(64)()
