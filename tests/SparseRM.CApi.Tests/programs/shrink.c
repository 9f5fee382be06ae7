/* The model's file shrinks, then vanishes, while it is in use: shrink COPY_OF_MODEL REWARD. The calls fail; the host lives and goes on with another model. */
#include <sparserm.h>
#include <unistd.h>

#include "check.h"

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  char path[4096];
  srm_backbone_options options;
  SRM_INIT(options);
  options.model = argv[1];
  options.threads = 2;
  srm_reward reward;
  float score;
  snprintf(path, sizeof path, "%s/model.safetensors", argv[1]);
  EXPECT(srm_reward_open(argv[2], NULL, &options, &reward) == SRM_OK);
  EXPECT(srm_score(reward, "What is six minus three?", SRM_ZERO_TERMINATED, "Three.", 6, &score) == SRM_OK);
  EXPECT(truncate(path, 5000) == 0);
  EXPECT_FAILS(SRM_MODEL, srm_score(reward, "Another text", SRM_ZERO_TERMINATED, "Seventeen.", 10, &score));
  EXPECT_SAYS("the file ends inside tensor");
  EXPECT(srm_reward_close(reward) == SRM_OK);
  EXPECT_FAILS(SRM_MODEL, srm_reward_open(argv[2], NULL, &options, &reward));
  EXPECT(unlink(path) == 0);
  EXPECT_FAILS(SRM_MODEL, srm_reward_open(argv[2], NULL, &options, &reward));
  EXPECT(srm_open_handles() == 0);
  return 0;
}
