/* What a process waits for that loads the library: start LIBRARY, or start LIBRARY MODEL REWARD. Prints milliseconds since before dlopen: of the first call that
   starts the runtime, or of the first score. */
#include <dlfcn.h>
#include <sparserm.h>
#include <stdio.h>
#include <time.h>

#define FIND(name) ((__typeof__(&name))dlsym(library, #name))

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 2 && argc != 4) return 2;
  double start = now();
  void *library = dlopen(argv[1], RTLD_NOW);
  if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
  srm_canceller cancel;
  if (FIND(srm_cancel_create)(&cancel) != SRM_OK || FIND(srm_cancel_close)(cancel) != SRM_OK) return 1;
  if (argc == 4) {
    float score;
    srm_reward reward;
    srm_backbone_options options;
    SRM_INIT(options);
    options.model = argv[2];
    if (FIND(srm_reward_open)(argv[3], NULL, &options, &reward) != SRM_OK ||
        FIND(srm_score)(reward, "What is six minus three?", SRM_ZERO_TERMINATED, "Three.", SRM_ZERO_TERMINATED, &score) != SRM_OK)
      return fprintf(stderr, "%s\n", FIND(srm_last_error)()), 1;
  }
  printf("%.3f\n", now() - start);
  return 0;
}
