/*
 * The managed heap reserves addresses when the runtime starts, at the first call; where it cannot, the runtime ends the process. So under
 * `ulimit -v` the library asks for a quarter of the limit, before the runtime reads its settings. Without a limit the host's environment is untouched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define RANGE_WITHOUT_LIMIT (32ull << 30) /* System.GC.RegionRange in SingleLibrary.targets */
#define SMALLEST_RANGE (64ull << 20)

__attribute__((constructor)) static void bound_region_range(void) {
  struct rlimit limit;
  char text[32];
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  unsigned long long range = limit.rlim_cur / 4;
  if (range >= RANGE_WITHOUT_LIMIT) return;
  if (range < SMALLEST_RANGE) range = SMALLEST_RANGE;
  snprintf(text, sizeof text, "%llx", range & ~((1ull << 22) - 1)); /* hexadecimal, as the runtime reads it */
  setenv("DOTNET_GCRegionRange", text, 0);
}
