/* Scores answers to one prompt: score MODEL REWARD PROMPT ANSWER... */
#include <sparserm.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the program with the library's sentence where a call failed. */
static void check(srm_status status) {
  if (status == SRM_OK) return;
  fprintf(stderr, "%s: %s\n", srm_status_name(status), srm_last_error());
  exit(1);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s MODEL REWARD PROMPT ANSWER...\n", argv[0]);
    return 2;
  }
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = argv[1];
  srm_reward reward;
  check(srm_reward_open(argv[2], NULL, &options, &reward));

  int64_t count = argc - 4;
  srm_text *answers = calloc((size_t)count, sizeof *answers);
  srm_result *results = calloc((size_t)count, sizeof *results);
  if (answers == NULL || results == NULL) return 1;
  for (int64_t i = 0; i < count; i++) {
    answers[i].data = argv[4 + i];
    answers[i].length = SRM_ZERO_TERMINATED;
    SRM_INIT(results[i]);
  }
  srm_message prompt = {{"user", SRM_ZERO_TERMINATED}, {argv[3], SRM_ZERO_TERMINATED}, {NULL, 0}};
  check(srm_score_group(reward, &prompt, 1, answers, count, NULL, results));
  for (int64_t i = 0; i < count; i++) printf("%.9g\t%s\n", results[i].score, argv[4 + i]);

  free(results);
  free(answers);
  check(srm_reward_close(reward));
  return 0;
}
