/* Made-up time for a guest whose run is to be the same each time. */
#ifndef SANDPIPER_CLOCK_H
#define SANDPIPER_CLOCK_H

/* Whether the time functions of this library ask the controller. Before the filter. */
void clock_take(int virtual_time);

#endif
