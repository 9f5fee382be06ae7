/* Calls a score from C as often as Python asks for, and gives the seconds that each call took. */
#include <sparserm.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int32_t score_pair(void *function, void *reward, const char *prompt, const char *answer, double *seconds) {
  srm_status (*call)(srm_reward, const char *, int64_t, const char *, int64_t, float *) = (__typeof__(call))function;
  float score;
  double start = now();
  srm_status status = call((srm_reward)reward, prompt, SRM_ZERO_TERMINATED, answer, SRM_ZERO_TERMINATED, &score);
  *seconds = now() - start;
  return status;
}
