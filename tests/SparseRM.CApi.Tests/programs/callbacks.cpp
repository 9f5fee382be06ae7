// Callbacks that throw, take their time, call the library and close what they are called for: callbacks MODEL REWARD SAE PAIRS.
#include <sparserm.hpp>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "check.h"

template <class Call>
static srm_status status_of(Call call) {
  try {
    call();
    return SRM_OK;
  } catch (const sparserm::error& failure) {
    EXPECT(std::string(failure.what()).size() > 10);
    return failure.status();
  }
}

static std::atomic<int> logged{0}, ended{0};

static void log_line(void*, int32_t, const char* text) {
  if (srm_abi_version() == SRM_ABI_VERSION && text[0] != 0) logged++;
}

static void slow_and_closing(void* user, srm_status status, const srm_result* results, int64_t count) {
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT(status == SRM_OK && count == 1 && results[0].status == SRM_OK);
  EXPECT(srm_reward_close(static_cast<srm_reward>(user)) == SRM_OK);
  ended++;
}

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  EXPECT(srm_set_log(log_line, nullptr) == SRM_OK);
  {
    auto options = sparserm::sized<srm_backbone_options>();
    options.threads = 2;
    sparserm::reward reward(argv[1], argv[2], options);
    auto model = reward.model();
    EXPECT(model.describe().find("\"d_model\":192") != std::string::npos);
    float alone = reward.score("What is six minus three?", "Three.");
    std::vector<srm_input> inputs(600, sparserm::pair("What is six minus three?", "Three."));

    // What a progress callback throws comes out of the call that it was given to.
    bool thrown = false;
    try {
      reward.score(inputs, sparserm::sized<srm_score_options>(), [](std::string_view, int64_t, int64_t) { throw std::logic_error("mine"); });
    } catch (const std::logic_error& mine) {
      thrown = std::string(mine.what()) == "mine";
    }
    EXPECT(thrown);

    // So it does with a deadline, where it hears nothing before all is done.
    auto timed = sparserm::sized<srm_score_options>();
    timed.deadline_ms = 60000;
    thrown = false;
    try {
      reward.score(inputs, timed, [](std::string_view, int64_t done, int64_t) { throw std::logic_error(done == 0 ? "early" : "late"); });
    } catch (const std::logic_error& mine) {
      thrown = std::string(mine.what()) == "early";
    }
    EXPECT(thrown);

    // Opening says how many blocks there are to load.
    auto fresh = sparserm::sized<srm_backbone_options>();
    fresh.model = argv[1];
    fresh.threads = 1;
    fresh.layer = 2;
    std::vector<int64_t> loaded;
    sparserm::backbone three(fresh, [&](std::string_view, int64_t done, int64_t total) {
      EXPECT(total == 3);
      loaded.push_back(done);
    });
    EXPECT((loaded == std::vector<int64_t>{1, 2, 3}));

    // A progress callback calls the library, on the same handle.
    int told = 0;
    auto scores = reward.score(inputs, sparserm::sized<srm_score_options>(), [&](std::string_view stage, int64_t, int64_t total) {
      EXPECT(stage == "scoring" && total == 600);
      EXPECT(reward.score("What is six minus three?", "Three.") == alone);
      told++;
    });
    EXPECT(told > 1 && scores.size() == 600 && scores[599] == alone);

    // Cancelling.
    sparserm::canceller canceller;
    canceller.cancel();
    auto call = sparserm::sized<srm_score_options>();
    call.cancel = canceller.get();
    EXPECT(status_of([&] { reward.score(inputs, call); }) == SRM_CANCELLED);
    EXPECT(status_of([&] { reward.score_async(inputs, call).get(); }) == SRM_CANCELLED);

    // A session, forked.
    srm_message prompt[] = {sparserm::message("user", "What is six minus three?")};
    auto session = reward.open_session(prompt);
    session.set_answer("Th");
    auto fork = session.fork();
    fork.set_answer("Three.");
    EXPECT(fork.score() == alone && session.score() != alone);

    // A session of ids, token by token; a canceller, then the whole; scores of units.
    auto each = reward.score_tokens(inputs[0], SRM_EACH_TOKEN);
    EXPECT(!each.scores.empty() && each.scores.size() == each.positions.size() && each.scores.back() == alone);
    EXPECT(reward.score_tokens(sparserm::pair("What is six minus three?", "It is so. Three."), SRM_EACH_SENTENCE).scores.size() == 3);
    std::vector<int32_t> tokens(64);
    int64_t length = 0;
    EXPECT(srm_encode(model.get(), &inputs[0], tokens.data(), 64, &length, nullptr, nullptr) == SRM_OK);
    auto growing = reward.open_session_ids(std::span(tokens).first(5));
    for (int64_t i = 5; i < length; i++) growing.append(std::span(tokens).subspan(static_cast<size_t>(i), 1));
    EXPECT(growing.length() == length && status_of([&] { growing.score(call); }) == SRM_CANCELLED && growing.score() == alone);
    EXPECT(reward.open_session_ids().length() == 0);

    // What a progress callback throws comes out of each call that may take long.
    auto throws = [](std::string_view, int64_t, int64_t) { throw std::logic_error("mine"); };
    auto told_by = sparserm::sized<srm_call>();
    auto scored = sparserm::sized<srm_score_options>();
    int mine = 0;
    auto expect_mine = [&](auto&& long_call) {
      try {
        long_call();
      } catch (const std::logic_error&) {
        mine++;
      }
    };
    expect_mine([&] { sparserm::sae(model, argv[3], told_by, throws); });
    expect_mine([&] { model.hidden_states(inputs[0], 1, told_by, throws); });
    expect_mine([&] { reward.score_tokens(inputs[0], SRM_EACH_TOKEN, scored, throws); });
    expect_mine([&] { reward.explain(inputs[0], 1, 1, scored, throws); });
    EXPECT(mine == 4);
    told_by.cancel = canceller.get();
    EXPECT(status_of([&] { three.attach(argv[2], told_by); }) == SRM_CANCELLED);

    // Attaching loads what the reward model reads deeper, and says so.
    loaded.clear();
    three.attach(argv[2], sparserm::sized<srm_call>(), [&](std::string_view, int64_t done, int64_t total) {
      EXPECT(total == 5);
      loaded.push_back(done);
    });
    EXPECT((loaded == std::vector<int64_t>{4, 5}));

    // Futures; one bad input makes the future throw.
    auto future = reward.score_async(std::span(inputs).first(2));
    EXPECT(future.get()[1] == alone);
    const int32_t bad[] = {-7};
    std::vector<srm_input> wrong{inputs[0], sparserm::ids(bad)};
    EXPECT(status_of([&] { reward.score_async(wrong).get(); }) == SRM_DATA);
    EXPECT(status_of([&] { reward.score(wrong); }) == SRM_DATA);
    EXPECT(status_of([&] { reward.score("\xff", "b"); }) == SRM_USAGE);

    // A completion callback that takes a second holds nobody up, and may close the handle that it was called for.
    srm_reward closing;
    EXPECT(srm_reward_attach(model.get(), argv[2], nullptr, nullptr, &closing) == SRM_OK);
    EXPECT(srm_score_async(closing, inputs.data(), 1, nullptr, slow_and_closing, closing) == SRM_OK);
    auto start = std::chrono::steady_clock::now();
    EXPECT(reward.score("What is six minus three?", "Three.") == alone);
    EXPECT(ended == 0 || std::chrono::steady_clock::now() - start > std::chrono::milliseconds(900));
    while (ended == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));

    // States and latents; an explanation.
    auto states = model.hidden_states(inputs[0], 4);
    sparserm::sae sae(model, argv[3]);
    auto latents = sae.encode(states.values);
    EXPECT(states.columns == 192 && latents.rows == states.rows && latents.columns == 2048);
    EXPECT(status_of([&] { sae.encode(std::span(states.values).first(193)); }) == SRM_USAGE);
    EXPECT(reward.explain(inputs[0]).find("\"directions\":[{\"index\":") != std::string::npos);

    // A fit that its progress callback cancels, then one whose output cannot be written.
    auto backbone = sparserm::sized<srm_backbone_options>();
    backbone.model = argv[1];
    backbone.threads = 2;
    auto fit = sparserm::sized<srm_fit_options>();
    fit.backbone = &backbone;
    fit.sae = argv[3];
    fit.data = argv[4];
    fit.layer = -1;
    fit.k = 8;
    fit.pairs = 100;
    fit.max_epochs = 3;
    fit.hidden_units = 16;
    fit.held_out_fraction = -1;
    fit.output = "/nowhere/reward.safetensors";
    mine = 0;
    expect_mine([&] { sparserm::fit(fit, throws); });
    EXPECT(mine == 1);
    fit.cancel = canceller.get();
    EXPECT(status_of([&] { sparserm::fit(fit); }) == SRM_CANCELLED);
    fit.cancel = nullptr;
    EXPECT(status_of([&] { sparserm::fit(fit); }) == SRM_DATA);
  }
  EXPECT(srm_open_handles() == 0);
  EXPECT(logged > 0);
  return 0;
}
