// Scores answers to one prompt: score MODEL REWARD PROMPT ANSWER...
#include <cstdio>
#include <sparserm.hpp>

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  try {
    sparserm::reward reward(argv[1], argv[2]);
    std::vector<std::string_view> answers(argv + 4, argv + argc);
    auto scores = reward.score(argv[3], answers);
    for (size_t i = 0; i < scores.size(); i++) std::printf("%.9g\t%s\n", scores[i], answers[i].data());
  } catch (const sparserm::error& failure) {
    std::fprintf(stderr, "%s: %s\n", srm_status_name(failure.status()), failure.what());
    return 1;
  }
}
