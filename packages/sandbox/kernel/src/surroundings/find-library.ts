/**
 * Read by the guest at the end of its `ctypes/util.py`. There, `find_library` runs `/sbin/ldconfig -p`, a C compiler
 * and `ld`, and a guest starts no process. `ldconfig -p` prints the loader's cache (`struct cache_file_new` of glibc's
 * `dl-cache.h`: 48 bytes of header, 24 bytes an entry), which the guest can read by itself.
 */
export const FIND_LIBRARY = String.raw`

# Added by Sandpiper, which starts no ldconfig and no ld: the names that "ldconfig -p" prints, in its order.
def _findSoname_ldconfig(name):
    import struct
    try:
        with open('/etc/ld.so.cache', 'rb') as file:
            cache = file.read()
        start = cache.index(b'glibc-ld.so.cache1.1')
        count, = struct.unpack_from('<I', cache, start + 20)
        wanted = re.compile(os.fsencode(r'lib%s\.[^\s]+' % re.escape(name)))
        for i in range(count):
            flags, key = struct.unpack_from('<iI', cache, start + 48 + 24 * i)
            if flags & 0xffff != 0x0303: # libc6,x86-64
                continue
            soname = cache[start + key:cache.index(b'\0', start + key)]
            if wanted.fullmatch(soname):
                return os.fsdecode(soname)
    except (OSError, ValueError, struct.error):
        pass

def _findLib_ld(name):
    return None
`;
