def become():
    import os
    import posix
    import sys

    # Too large for CPython's own arenas, so it lies in the heap of the C library, where the name of the program is.
    posix.write(CALL_FD, str(id(bytes(4096))).encode())
    entropy, kind, argv, variables, program = park()
    # The name of the program, and what follows from it, the controller has written into this process.
    sys.argv[:] = map(os.fsdecode, argv)
    sys.orig_argv[1:] = sys.argv
    # No collection looks at what the parent has made, and the end of a program is to collect what it has in this module.
    main = type(sys)("__main__")
    main.__dict__.update(sys.modules["__main__"].__dict__)
    sys.modules["__main__"] = main
    take_surroundings(entropy, kind, variables)


imported()
become()
# Tells site that there is no such module, so none is left behind.
raise ImportError("no sitecustomize", name="sitecustomize")
