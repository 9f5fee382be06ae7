/* 64 threads open, score, cancel and close at once: threads MODEL REWARD SECONDS. Every score has the bits that it has alone. */
#include <pthread.h>
#include <sparserm.h>
#include <time.h>

#include "check.h"

enum { THREADS = 64, TEXTS = 4 };
static const char *const answers[TEXTS] = {"Three.", "Seventeen.", "Four, or so it is said.", "x"};
static float alone[TEXTS];
static const char *model, *path;
static srm_reward shared;
static time_t end;
static long done, completed, asked;

static void scored(void *user, srm_status status, const srm_result *results, int64_t count) {
  float score;
  EXPECT(status == SRM_OK || status == SRM_CANCELLED);
  if (status == SRM_OK) EXPECT(count == 1 && results[0].status == SRM_OK && memcmp(&results[0].score, user, 4) == 0);
  /* a callback may call the library */
  EXPECT(srm_score(shared, "What is six minus three?", SRM_ZERO_TERMINATED, answers[0], SRM_ZERO_TERMINATED, &score) == SRM_OK);
  EXPECT(memcmp(&score, &alone[0], 4) == 0);
  __atomic_add_fetch(&completed, 1, __ATOMIC_SEQ_CST);
}

static void *work(void *number) {
  unsigned turn = (unsigned)(uintptr_t)number;
  while (time(NULL) < end) {
    int text = (int)(turn++ % TEXTS);
    float score;
    srm_reward reward = shared;
    srm_backbone_options options;
    SRM_INIT(options);
    options.model = model;
    options.threads = 2;
    if (turn % 16 == 0) EXPECT(srm_reward_open(path, NULL, &options, &reward) == SRM_OK);
    EXPECT(srm_score(reward, "What is six minus three?", SRM_ZERO_TERMINATED, answers[text], SRM_ZERO_TERMINATED, &score) == SRM_OK);
    EXPECT(memcmp(&score, &alone[text], 4) == 0);
    if (turn % 8 == 1) {
      srm_input input;
      srm_score_options call;
      SRM_INIT(input);
      SRM_INIT(call);
      input.prompt.data = "What is six minus three?";
      input.text.data = answers[text];
      input.prompt.length = input.text.length = SRM_ZERO_TERMINATED;
      EXPECT(srm_cancel_create(&call.cancel) == SRM_OK);
      EXPECT(srm_score_async(reward, &input, 1, &call, scored, &alone[text]) == SRM_OK);
      __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
      if (turn % 3 == 0) EXPECT(srm_cancel(call.cancel) == SRM_OK);
      EXPECT(srm_cancel_close(call.cancel) == SRM_OK); /* while the call runs */
    }
    if (reward != shared) EXPECT(srm_reward_close(reward) == SRM_OK);
    __atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  model = argv[1];
  path = argv[2];
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = model;
  options.threads = 2;
  EXPECT(srm_reward_open(path, NULL, &options, &shared) == SRM_OK);
  for (int i = 0; i < TEXTS; i++)
    EXPECT(srm_score(shared, "What is six minus three?", SRM_ZERO_TERMINATED, answers[i], SRM_ZERO_TERMINATED, &alone[i]) == SRM_OK);
  end = time(NULL) + atol(argv[3]);
  pthread_t threads[THREADS];
  for (uintptr_t i = 0; i < THREADS; i++) EXPECT(pthread_create(&threads[i], NULL, work, (void *)(i * 7919)) == 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  while (__atomic_load_n(&completed, __ATOMIC_SEQ_CST) < asked) nanosleep(&(struct timespec){0, 1000000}, NULL);
  EXPECT(srm_reward_close(shared) == SRM_OK);
  EXPECT(srm_open_handles() == 0);
  printf("%ld scores, %ld completions\n", done, completed);
  return 0;
}
