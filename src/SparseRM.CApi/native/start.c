/*
 * Starts the managed runtime at the first call that needs it. Where it cannot start it ends the process; so first it is
 * tried whether the addresses can be had that it reserves, under `ulimit -v` fewer, and where even few cannot, every
 * function answers SRM_DEVICE. Without a limit the host's environment is untouched.
 */
#define _GNU_SOURCE
#include "start.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB (1ull << 20)
#define USUAL_RANGE (32768 * MIB) /* System.GC.RegionRange in SingleLibrary.targets */
#define SMALLEST_HEAP (16 * MIB)
/* With less than this for the range the collector of .NET 10 ends the process near the heap's limit, instead of saying
 * that there is no memory. */
#define RANGE_OF(heap) (4 * (heap))
/* What the runtime and its threads map beside the heap until a first score is there. */
#define BESIDE (96 * MIB)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int can_start;

/* The runtime lets go of a thread in the destructor of a key, and ends the process where the thread calls it again. This
 * key is made before the runtime's, so that its destructor comes before. */
static pthread_key_t ends;
static int has_ends;
static __thread enum { NEW, KNOWN, ENDS } thread;
static unsigned long long most = USUAL_RANGE / 3;

/* Whether the process may still map so many bytes of addresses. */
static int can_map(unsigned long long bytes) {
  void* place = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return 0;
  munmap(place, bytes);
  return 1;
}

/* For the runtime, which reads numbers as hexadecimal. What the host set itself stays. */
static void set(const char* name, unsigned long long value) {
  char text[32];
  snprintf(text, sizeof text, "%llx", value);
  setenv(name, text, 0);
}

static void thread_ends(void* unused) {
  (void)unused;
  thread = ENDS;
}

static void choose_range(void) {
  has_ends = pthread_key_create(&ends, thread_ends) == 0;
  struct rlimit limit;
  int is_limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  if (!is_limited && can_map(USUAL_RANGE + BESIDE)) {
    can_start = 1;
    return;
  }
  /* A sixteenth of the limit, as a power of two: a quarter of the addresses is the heap's range, the rest is for
   * weights and the host. */
  unsigned long long heap = USUAL_RANGE / 8;
  while (heap > SMALLEST_HEAP && ((is_limited && heap > limit.rlim_cur / 16) || !can_map(RANGE_OF(heap) + BESIDE)))
    heap /= 2;
  if (!can_map(RANGE_OF(heap) + BESIDE)) return;
  can_start = 1;
  set("DOTNET_GCRegionRange", RANGE_OF(heap));
  set("DOTNET_GCHeapHardLimit", heap);
  most = strtoull(getenv("DOTNET_GCHeapHardLimit"), NULL, 16) / 2;
}

const char* srm_own_path(void) {
  Dl_info info;
  return dladdr(&once, &info) != 0 && info.dli_fname != NULL ? info.dli_fname : "";
}

int64_t srm_heap_most(void) { return (int64_t)most; }

int srm_thread_ends(void) {
  if (thread == NEW && has_ends && pthread_setspecific(ends, &ends) == 0) thread = KNOWN;
  return thread == ENDS;
}

int srm_started(void) {
  pthread_once(&once, choose_range);
  return can_start;
}
