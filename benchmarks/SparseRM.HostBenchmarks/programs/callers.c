/* 64 threads with one text a call beside one call with all texts: callers MODEL REWARD [TEXTS [TOKENS [ROUNDS]]]. All texts differ, so nothing is shared.
   They take turns; prints each round's tokens a second, and the ratio of the medians. */
#include <pthread.h>
#include <sparserm.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS = 64, MOST_ROUNDS = 64 };
static srm_reward reward;
static srm_input *inputs;
static srm_result *results;
static long texts = 256, tokens = 96, next_text;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void check(srm_status status) {
  if (status == SRM_OK) return;
  fprintf(stderr, "%s: %s\n", srm_status_name(status), srm_last_error());
  exit(1);
}

static void *caller(void *unused) {
  for (;;) {
    long text = __atomic_fetch_add(&next_text, 1, __ATOMIC_SEQ_CST);
    if (text >= texts) return unused;
    check(srm_score_batch(reward, &inputs[text], 1, NULL, &results[text]));
    check(results[text].status);
  }
}

static double batch(void) {
  double start = now();
  check(srm_score_batch(reward, inputs, texts, NULL, results));
  for (long i = 0; i < texts; i++) check(results[i].status);
  return (double)(texts * tokens) / (now() - start);
}

static double callers(void) {
  pthread_t threads[THREADS];
  next_text = 0;
  double start = now();
  for (int i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, caller, NULL) != 0) exit(1);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  return (double)(texts * tokens) / (now() - start);
}

static int rising(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, rising);
  return values[count / 2];
}

int main(int argc, char **argv) {
  int rounds = 5;
  double in_batch[MOST_ROUNDS], alone[MOST_ROUNDS];
  if (argc < 3) return 2;
  if (argc > 3) texts = atol(argv[3]);
  if (argc > 4) tokens = atol(argv[4]);
  if (argc > 5) rounds = atoi(argv[5]);
  if (texts < 1 || tokens < 1 || rounds < 1 || rounds > MOST_ROUNDS) return 2;
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = argv[1];
  check(srm_reward_open(argv[2], NULL, &options, &reward));
  inputs = calloc((size_t)texts, sizeof *inputs);
  results = calloc((size_t)texts, sizeof *results);
  int32_t *ids = calloc((size_t)(texts * tokens), sizeof *ids);
  if (inputs == NULL || results == NULL || ids == NULL) return 1;
  srand(1);
  for (long i = 0; i < texts * tokens; i++) ids[i] = 10 + rand() % 2000;
  for (long i = 0; i < texts; i++) {
    SRM_INIT(inputs[i]);
    SRM_INIT(results[i]);
    inputs[i].kind = SRM_INPUT_IDS;
    inputs[i].ids = ids + i * tokens;
    inputs[i].id_count = tokens;
  }
  batch();
  callers();
  for (int i = 0; i < rounds; i++) {
    in_batch[i] = batch();
    alone[i] = callers();
    printf("one batch %10.0f tokens/s   %d threads %10.0f tokens/s\n", in_batch[i], THREADS, alone[i]);
  }
  printf("ratio of the medians: %.1f %%\n", 100 * median(alone, rounds) / median(in_batch, rounds));
  free(ids);
  free(results);
  free(inputs);
  return srm_reward_close(reward);
}
