// Reward scores of answers in C++20: handles that close themselves, exceptions, spans. Header only, over sparserm.h, whose rules hold here too.
#ifndef SPARSERM_HPP
#define SPARSERM_HPP

#include <sparserm.h>

#include <cmath>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sparserm {

/// A call that failed.
class error : public std::runtime_error {
 public:
  error(srm_status status, const std::string& sentence) : std::runtime_error(sentence), status_(status) {}
  srm_status status() const noexcept { return status_; }

 private:
  srm_status status_;
};

/// Throws the failure of a call that was just made on this thread.
inline void check(srm_status status) {
  if (status != SRM_OK) throw error(status, srm_last_error());
}

inline srm_text text(std::string_view value) { return {value.data() ? value.data() : "", static_cast<int64_t>(value.size())}; }

inline srm_message message(std::string_view role, std::string_view content) { return {text(role), text(content), {nullptr, 0}}; }

/// A struct with its size set and all else 0.
template <class T>
T sized() {
  T value{};
  value.struct_size = sizeof(T);
  return value;
}

/// A prompt with an answer, as an input of score_batch; the texts must outlive it.
inline srm_input pair(std::string_view prompt, std::string_view answer) {
  auto input = sized<srm_input>();
  input.kind = SRM_INPUT_PAIR;
  input.prompt = text(prompt);
  input.text = text(answer);
  return input;
}

/// A dialogue whose last message is the answer; the messages must outlive it.
inline srm_input dialogue(std::span<const srm_message> messages) {
  auto input = sized<srm_input>();
  input.kind = SRM_INPUT_MESSAGES;
  input.messages = messages.data();
  input.message_count = static_cast<int64_t>(messages.size());
  return input;
}

/// Token ids; the answer is [start, end) of them, or unknown where both are 0. The ids must outlive it.
inline srm_input ids(std::span<const int32_t> values, int64_t start = 0, int64_t end = 0) {
  auto input = sized<srm_input>();
  input.kind = SRM_INPUT_IDS;
  input.ids = values.data();
  input.id_count = static_cast<int64_t>(values.size());
  input.answer_start = start;
  input.answer_end = end;
  return input;
}

/// Owns a handle of the library.
template <class Handle, srm_status (*Close)(Handle)>
class owner {
 public:
  owner() = default;
  explicit owner(Handle handle) noexcept : handle_(handle) {}
  owner(owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  owner& operator=(owner&& other) noexcept {
    if (this != &other) reset(std::exchange(other.handle_, nullptr));
    return *this;
  }
  ~owner() { reset(nullptr); }
  Handle get() const noexcept { return handle_; }

 private:
  void reset(Handle handle) noexcept {
    if (handle_ != nullptr) Close(handle_);
    handle_ = handle;
  }
  Handle handle_ = nullptr;
};

/// Told stage, units done and units in all. What it throws cancels the call, and is thrown by the call.
using progress = std::function<void(std::string_view, int64_t, int64_t)>;

namespace detail {

/// A progress callback that lets no exception into the library.
class told {
 public:
  explicit told(const progress& callback) : callback_(callback) {}
  template <class Options>
  void into(Options& options) {
    if (!callback_) return;
    options.progress = &told::call;
    options.user = this;
  }
  void check(srm_status status) const {
    if (thrown_) std::rethrow_exception(thrown_);
    sparserm::check(status);
  }

 private:
  static int32_t call(void* user, const char* stage, int64_t done, int64_t total) noexcept {
    auto self = static_cast<told*>(user);
    try {
      self->callback_(stage, done, total);
      return 0;
    } catch (...) {
      self->thrown_ = std::current_exception();
      return 1;
    }
  }
  const progress& callback_;
  std::exception_ptr thrown_;
};

/// The text of a function that writes into a buffer, which grows where it must.
template <class Call, class Check = void (*)(srm_status)>
std::string written(Call call, Check check = sparserm::check) {
  std::string buffer(4096, '\0');
  int64_t needed = 0;
  srm_status status = call(buffer.data(), static_cast<int64_t>(buffer.size()), &needed);
  if (status == SRM_BUFFER) {
    buffer.resize(static_cast<size_t>(needed));
    status = call(buffer.data(), static_cast<int64_t>(buffer.size()), &needed);
  }
  check(status);
  buffer.resize(static_cast<size_t>(needed) - 1);
  return buffer;
}

}  // namespace detail

/// Ends the calls that it is given to, from any thread.
class canceller {
 public:
  canceller() {
    srm_canceller handle;
    check(srm_cancel_create(&handle));
    handle_ = owner<srm_canceller, srm_cancel_close>(handle);
  }
  void cancel() { check(srm_cancel(handle_.get())); }
  srm_canceller get() const noexcept { return handle_.get(); }

 private:
  owner<srm_canceller, srm_cancel_close> handle_;
};

/// States or activations, row by row.
struct matrix {
  std::vector<float> values;
  int64_t rows = 0, columns = 0;
  std::span<const float> row(int64_t i) const { return std::span(values).subspan(static_cast<size_t>(i * columns), static_cast<size_t>(columns)); }
};

class reward;

/// A model up to a layer.
class backbone {
 public:
  explicit backbone(srm_backbone handle) noexcept : handle_(handle) {}
  explicit backbone(srm_backbone_options options, const progress& callback = {}) {
    detail::told told(callback);
    told.into(options);
    srm_backbone handle;
    told.check(srm_backbone_open(&options, &handle));
    handle_ = owner<srm_backbone, srm_backbone_close>(handle);
  }
  inline reward attach(const std::string& path, srm_call call = sized<srm_call>(), const progress& callback = {}) const;
  std::string describe() const {
    return detail::written([&](char* to, int64_t size, int64_t* needed) { return srm_backbone_describe(get(), to, size, needed); });
  }
  /// The residual stream after a block at every token.
  matrix hidden_states(const srm_input& input, int32_t layer, srm_call call = sized<srm_call>(), const progress& callback = {}) const {
    detail::told told(callback);
    told.into(call);
    matrix found;
    srm_status status = srm_hidden_states(get(), &input, layer, &call, nullptr, 0, &found.rows, &found.columns);
    if (status != SRM_BUFFER) told.check(status);
    found.values.resize(static_cast<size_t>(found.rows * found.columns));
    told.check(srm_hidden_states(get(), &input, layer, &call, found.values.data(), static_cast<int64_t>(found.values.size()), &found.rows, &found.columns));
    return found;
  }
  srm_backbone get() const noexcept { return handle_.get(); }

 private:
  owner<srm_backbone, srm_backbone_close> handle_;
};

/// An SAE's encoder on a backbone.
class sae {
 public:
  sae(const backbone& model, const std::string& path, srm_call call = sized<srm_call>(), const progress& callback = {}) {
    detail::told told(callback);
    told.into(call);
    srm_sae handle;
    told.check(srm_sae_open(model.get(), path.c_str(), &call, &handle));
    handle_ = owner<srm_sae, srm_sae_close>(handle);
    check(srm_sae_width(handle, &d_in, &d_sae, nullptr));
  }
  /// Activations of states [rows, d_in], with zeros. Throws where the states are no whole number of rows.
  matrix encode(std::span<const float> states, srm_call call = sized<srm_call>(), const progress& callback = {}) const {
    int64_t rows = static_cast<int64_t>(states.size()) / d_in;
    if (rows * d_in != static_cast<int64_t>(states.size()))
      throw error(SRM_USAGE, "the states are " + std::to_string(states.size()) + " numbers; give a whole number of rows of " + std::to_string(d_in));
    matrix found{std::vector<float>(static_cast<size_t>(rows * d_sae)), rows, d_sae};
    detail::told told(callback);
    told.into(call);
    told.check(srm_sae_encode_dense(handle_.get(), states.data(), rows, &call, found.values.data(), static_cast<int64_t>(found.values.size())));
    return found;
  }
  int64_t d_in = 0, d_sae = 0;

 private:
  owner<srm_sae, srm_sae_close> handle_;
};

/// A text that grows: each score costs what was added, and has the bits of the whole text alone.
class session {
 public:
  explicit session(srm_session handle) noexcept : handle_(handle) {}
  /// Adds to the text of a session that was opened with ids.
  void append(std::span<const int32_t> ids) { check(srm_session_append(get(), ids.data(), static_cast<int64_t>(ids.size()))); }
  /// Makes a text the whole answer to the prompt of messages.
  void set_answer(std::string_view answer) {
    srm_text said = text(answer);
    check(srm_session_set_answer(get(), said.data, said.length));
  }
  float score() const {
    float found = std::numeric_limits<float>::quiet_NaN();
    check(srm_session_score(get(), nullptr, &found));
    return found;
  }
  float score(srm_score_options options, const progress& callback = {}) const {
    detail::told told(callback);
    told.into(options);
    float found = std::numeric_limits<float>::quiet_NaN();
    told.check(srm_session_score(get(), &options, &found));
    return found;
  }
  /// Its tokens.
  int64_t length() const {
    int64_t found;
    check(srm_session_length(get(), &found));
    return found;
  }
  /// What is computed is shared, what either adds is its own.
  session fork() const {
    srm_session handle;
    check(srm_session_fork(get(), &handle));
    return session(handle);
  }
  srm_session get() const noexcept { return handle_.get(); }

 private:
  owner<srm_session, srm_session_close> handle_;
};

/// A score for each unit of an answer, and the position of its last token.
struct unit_scores {
  std::vector<float> scores;
  std::vector<int32_t> positions;
};

/// A reward model on a backbone. Any number of threads may call it.
class reward {
 public:
  explicit reward(srm_reward handle) noexcept : handle_(handle) {}
  /// Opens a reward file with the model that it needs.
  reward(const std::string& model, const std::string& path, srm_backbone_options options = sized<srm_backbone_options>(), const progress& callback = {}) {
    options.model = model.c_str();
    detail::told told(callback);
    told.into(options);
    srm_reward handle;
    told.check(srm_reward_open(path.c_str(), nullptr, &options, &handle));
    handle_ = owner<srm_reward, srm_reward_close>(handle);
  }
  float score(std::string_view prompt, std::string_view answer) const {
    float found = std::numeric_limits<float>::quiet_NaN();
    srm_text asked = text(prompt), said = text(answer);
    check(srm_score(get(), asked.data, asked.length, said.data, said.length, &found));
    return found;
  }
  /// Scores of many answers to one prompt, which is computed once. Throws where one of them cannot be scored.
  std::vector<float> score(std::string_view prompt, std::span<const std::string_view> answers) const {
    std::vector<srm_text> texts;
    for (auto answer : answers) texts.push_back(text(answer));
    auto turn = message("user", prompt);
    return run(texts.size(), [&](srm_result* results) {
      return srm_score_group(get(), &turn, 1, texts.data(), static_cast<int64_t>(texts.size()), nullptr, results);
    });
  }
  /// Scores of many inputs. Throws where one of them cannot be scored.
  std::vector<float> score(std::span<const srm_input> inputs, srm_score_options options = sized<srm_score_options>(), const progress& callback = {}) const {
    detail::told told(callback);
    told.into(options);
    return run(inputs.size(), [&](srm_result* results) {
      srm_status status = srm_score_batch(get(), inputs.data(), static_cast<int64_t>(inputs.size()), &options, results);
      told.check(status);
      return status;
    });
  }
  /// As score, without waiting; inputs are copied before this returns. Where one cannot be scored the future throws.
  std::future<std::vector<float>> score_async(std::span<const srm_input> inputs, srm_score_options options = sized<srm_score_options>()) const {
    auto promise = std::make_unique<std::promise<std::vector<float>>>();
    auto future = promise->get_future();
    check(srm_score_async(get(), inputs.data(), static_cast<int64_t>(inputs.size()), &options, &reward::done, promise.get()));
    promise.release();
    return future;
  }
  /// unit: SRM_EACH_TOKEN, SRM_EACH_SENTENCE or SRM_EACH_STEP.
  unit_scores score_tokens(const srm_input& input, int32_t unit, srm_score_options options = sized<srm_score_options>(), const progress& callback = {}) const {
    detail::told told(callback);
    told.into(options);
    unit_scores found;
    for (int64_t count = 512;;) {
      const int64_t room = count;
      found.scores.resize(static_cast<size_t>(room));
      found.positions.resize(static_cast<size_t>(room));
      srm_status status = srm_score_tokens(get(), &input, unit, &options, found.scores.data(), found.positions.data(), room, &count);
      if (status == SRM_BUFFER && count > room) continue;
      told.check(status);
      found.scores.resize(static_cast<size_t>(count));
      found.positions.resize(static_cast<size_t>(count));
      return found;
    }
  }
  std::string explain(
      const srm_input& input, int32_t directions = 8, int32_t tokens = 5, srm_score_options options = sized<srm_score_options>(), const progress& callback = {}) const {
    detail::told told(callback);
    told.into(options);
    return detail::written(
        [&](char* to, int64_t size, int64_t* needed) { return srm_explain(get(), &input, directions, tokens, &options, to, size, needed); },
        [&](srm_status status) { told.check(status); });
  }
  /// A session for answers to a prompt of messages: set_answer, never append.
  session open_session(std::span<const srm_message> prompt) const {
    srm_session handle;
    check(srm_session_open(get(), prompt.data(), static_cast<int64_t>(prompt.size()), &handle));
    return session(handle);
  }
  /// A session for token ids, which append adds to; there may be none yet.
  session open_session_ids(std::span<const int32_t> prompt = {}) const {
    srm_session handle;
    check(srm_session_open_ids(get(), prompt.data(), static_cast<int64_t>(prompt.size()), &handle));
    return session(handle);
  }
  backbone model() const {
    srm_backbone handle;
    check(srm_reward_backbone(get(), &handle));
    return backbone(handle);
  }
  srm_reward get() const noexcept { return handle_.get(); }

 private:
  template <class Call>
  static std::vector<float> run(size_t count, Call call) {
    constexpr size_t bytes = 512;
    std::vector<srm_result> results(count, sized<srm_result>());
    std::string sentences(count * bytes, '\0');
    for (size_t i = 0; i < count; i++) {
      results[i].error = sentences.data() + i * bytes;
      results[i].error_capacity = bytes;
    }
    check(call(results.data()));
    std::vector<float> scores;
    for (size_t i = 0; i < count; i++) {
      if (results[i].status != SRM_OK) throw error(results[i].status, "input " + std::to_string(i) + ": " + results[i].error);
      scores.push_back(results[i].score);
    }
    return scores;
  }
  static void done(void* user, srm_status status, const srm_result* results, int64_t count) noexcept {
    std::unique_ptr<std::promise<std::vector<float>>> promise(static_cast<std::promise<std::vector<float>>*>(user));
    try {
      check(status);
      std::vector<float> scores;
      for (int64_t i = 0; i < count; i++) {
        if (results[i].status != SRM_OK) throw error(results[i].status, "input " + std::to_string(i) + ": " + results[i].error);
        scores.push_back(results[i].score);
      }
      promise->set_value(std::move(scores));
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }
  owner<srm_reward, srm_reward_close> handle_;
};

inline reward backbone::attach(const std::string& path, srm_call call, const progress& callback) const {
  detail::told told(callback);
  told.into(call);
  srm_reward handle;
  told.check(srm_reward_attach(get(), path.c_str(), nullptr, &call, &handle));
  return reward(handle);
}

/// Fits a reward model on a preference file and writes it; the texts of options must outlive the call.
inline srm_fit_result fit(srm_fit_options options, const progress& callback = {}) {
  detail::told told(callback);
  told.into(options);
  auto found = sized<srm_fit_result>();
  told.check(srm_fit(&options, &found));
  return found;
}

}  // namespace sparserm

#endif
