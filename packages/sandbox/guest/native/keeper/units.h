/* Times are in nanoseconds, sizes in bytes. */
#ifndef SANDPIPER_UNITS_H
#define SANDPIPER_UNITS_H

#define SECOND 1000000000ll
#define MILLISECOND 1000000ll
#define MICROSECOND 1000ll

#define KIB (1ll << 10)
#define MIB (1ll << 20)
#define GIB (1ll << 30)

#endif
