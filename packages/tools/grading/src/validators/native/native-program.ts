import { deflateSync } from 'node:zlib';
import type { SubmittedProgram } from '../../submissions/submitted-program.js';

const DRIVER = 'sandpiper_native.py';
/** In a folder that no file of a run has to lie in. */
const OBJECT = '/judge/program.z';

/**
 * Loads the object and calls its `main`: every line of it, constructors included, runs in the sandbox. A handler of the C
 * library's exit, registered before the object's own and so called after them, ends the process as Python would: then
 * whatever waits for the end of a Python program sees this one's too.
 */
const SOURCE = `import ctypes, os, sys, zlib

LOADED = '/tmp/program.so'
with open('${OBJECT}', 'rb') as packed, open(LOADED, 'wb') as file:
    file.write(zlib.decompress(packed.read()))

library = ctypes.CDLL(None)

@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
def leave(status, _):
    library.fflush(None)
    os._exit(status & 255)

library.on_exit(leave, None)
main = ctypes.CDLL(LOADED).main
os.unlink(LOADED)
words = [os.fsencode(word) for word in sys.argv]
library.exit(main(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None)))
`;

/** A shared object with a `main` as a program that runs where Python programs do. */
export function nativeProgram(object: Buffer): SubmittedProgram {
  return {
    entry: DRIVER,
    files: [
      { name: DRIVER, bytes: Buffer.from(SOURCE) },
      { name: OBJECT, bytes: deflateSync(object) },
    ],
  };
}
