/* No memory left: memory MODEL REWARD. Under `ulimit -v` the model may not open; where it opens, batches are asked for that grow until their copies fill the
   managed heap, then the limit is drawn closer and closer to what is mapped. Every call gives a score or SRM_DEVICE with a sentence, and with the old limit back
   the library goes on. Prints how often each was seen. */
#include <math.h>
#include <sparserm.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

enum { DIFFERENT = 24, TOKENS = 400, MOST = 200000 };
static long opened, refused, scored, short_of_memory;

static int64_t mapped_bytes(void) {
  long long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%lld", &pages) != 1) exit(1);
  fclose(file);
  return pages * sysconf(_SC_PAGESIZE);
}

/* Success, or no memory and a sentence. */
static int done(srm_status status, const char *what) {
  if (status == SRM_OK) return 1;
  if (status != SRM_DEVICE || srm_last_status() != SRM_DEVICE || strstr(srm_last_error(), "memory") == NULL) {
    fprintf(stderr, "%s: %s: %s\n", what, srm_status_name(status), srm_last_error());
    exit(1);
  }
  return 0;
}

static srm_reward open_reward(char **argv, int32_t threads) {
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = argv[1];
  options.threads = threads;
  srm_reward reward;
  if (done(srm_reward_open(argv[2], NULL, &options, &reward), "open")) {
    opened++;
    return reward;
  }
  EXPECT(reward == NULL);
  refused++;
  return NULL;
}

static float one(srm_reward reward) {
  float score = 0;
  int ok = done(srm_score(reward, "What is six minus three?", SRM_ZERO_TERMINATED, "Three.", 6, &score), "score");
  EXPECT(ok == (isfinite(score) != 0));
  if (ok) scored++;
  else short_of_memory++;
  return score;
}

/* A text of many words, which is more than the heap has. */
static void one_long(srm_reward reward) {
  const size_t bytes = 8 << 20;
  char *text = malloc(bytes);
  float score = 0;
  if (text == NULL) return;
  for (size_t i = 0; i < bytes; i++) text[i] = i % 7 == 6 ? ' ' : 'a';
  srm_status status = srm_score(reward, text, (int64_t)bytes, "Three.", 6, &score);
  EXPECT(status == SRM_DATA || status == SRM_DEVICE); /* too long for the model, or for the heap */
  EXPECT(isnan(score) && srm_last_error()[0] != 0);
  free(text);
}

/* The first texts differ, the others are equal to one of them and are computed with it. */
static void many(srm_reward reward, int64_t count) {
  static int32_t ids[DIFFERENT][TOKENS];
  srm_input *inputs = calloc((size_t)count, sizeof *inputs);
  srm_result *results = calloc((size_t)count, sizeof *results);
  for (int64_t i = 0; inputs != NULL && results != NULL && i < count; i++) {
    int32_t *own = ids[i % DIFFERENT];
    for (int t = 0; i < DIFFERENT && t < TOKENS; t++) own[t] = 10 + ((int32_t)i * 131 + t * 17) % 1900;
    SRM_INIT(inputs[i]);
    SRM_INIT(results[i]);
    inputs[i].kind = SRM_INPUT_IDS;
    inputs[i].ids = own;
    inputs[i].id_count = TOKENS;
  }
  int ran = inputs != NULL && results != NULL && done(srm_score_batch(reward, inputs, count, NULL, results), "batch");
  if (!ran) short_of_memory++;
  for (int64_t i = 0; ran && i < count; i++) {
    EXPECT(results[i].status == SRM_OK || results[i].status == SRM_DEVICE);
    EXPECT((results[i].status == SRM_OK) == (isfinite(results[i].score) != 0));
    if (results[i].status == SRM_OK) scored++;
    else short_of_memory++;
  }
  free(results);
  free(inputs);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  srm_reward reward = open_reward(argv, 2);
  if (reward != NULL) {
    struct rlimit before, now;
    float alone = one(reward);
    one_long(reward);
    for (int64_t count = 500; count <= MOST; count *= 20) many(reward, count);
    getrlimit(RLIMIT_AS, &before);
    for (int64_t spare = 64 << 20; spare >= 1 << 18; spare /= 4) {
      now = before;
      now.rlim_cur = (rlim_t)(mapped_bytes() + spare);
      if (now.rlim_cur < before.rlim_cur && setrlimit(RLIMIT_AS, &now) != 0) return 1;
      many(reward, DIFFERENT);
      srm_reward second = open_reward(argv, 1); /* not shared with the first */
      if (second != NULL) {
        one(second);
        EXPECT(srm_reward_close(second) == SRM_OK);
      }
    }
    setrlimit(RLIMIT_AS, &before);
    float after = one(reward);
    EXPECT(isnan(alone) || isnan(after) || memcmp(&alone, &after, 4) == 0);
    EXPECT(srm_reward_close(reward) == SRM_OK);
  }
  EXPECT(srm_open_handles() == 0);
  printf("opened %ld, refused %ld, scored %ld, short of memory %ld\n", opened, refused, scored, short_of_memory);
  return 0;
}
