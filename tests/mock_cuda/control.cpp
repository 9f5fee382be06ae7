// What tests ask of the mock and set in it.
#include <cstring>

#include "state.h"

using mock::state;

// Sets "version" (12040), "devices" (1), "capability" (90), "multiprocessors" (132), "memory" (bytes), "clock" or
// "memory_clock" (kHz), or "algorithms" that cuBLASLt knows (1).
SRM_MOCK void srm_mock_set(const char* name, int64_t value) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  mock::Settings& settings = state().settings;
  if (!std::strcmp(name, "version")) settings.version = static_cast<int>(value);
  if (!std::strcmp(name, "devices")) settings.devices = static_cast<int>(value);
  if (!std::strcmp(name, "capability")) settings.capability = static_cast<int>(value);
  if (!std::strcmp(name, "clock")) settings.clock = static_cast<int>(value);
  if (!std::strcmp(name, "memory_clock")) settings.memory_clock = static_cast<int>(value);
  if (!std::strcmp(name, "algorithms")) settings.algorithms = static_cast<int>(value);
  if (!std::strcmp(name, "multiprocessors")) settings.multiprocessors = static_cast<int>(value);
  if (!std::strcmp(name, "memory")) settings.memory = static_cast<size_t>(value);
}

// The call of `function` after `calls_before` others ("*": of any function) gives `result`; 0 takes the order back.
SRM_MOCK void srm_mock_fail(const char* function, int calls_before, int result) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  state().injection = {function, calls_before, result};
}

// Whether that call has not come yet.
SRM_MOCK int srm_mock_will_fail() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().injection.result != kSuccess;
}

// Every launch of `kernel` gets `add` more in a parameter; a parameter of -1 ends it.
SRM_MOCK void srm_mock_tamper(const char* kernel, int parameter, int64_t add) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  state().tampering = {kernel, parameter, add};
}

// How often a driver function was called, or a kernel launched.
SRM_MOCK int srm_mock_count(const char* name) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().calls.count(name) ? state().calls[name] : state().launches[name];
}

// Users of the context + blocks + streams + events + modules + objects of cuBLASLt.
SRM_MOCK int srm_mock_alive() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  mock::State& s = state();
  return s.context_users + static_cast<int>(s.blocks.size() + s.streams.size() + s.events.size() + s.modules.size() +
                                            s.library_objects.size());
}

// Copies the notes about wrong calls, one a line, and forgets them.
SRM_MOCK void srm_mock_violations(char* text, int capacity) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  mock::check_all_guards();
  snprintf(text, capacity, "%s", state().violations.c_str());
  state().violations.clear();
}

// Parameters of an emulated kernel, and whether one is a pointer; -1 where there is none.
SRM_MOCK int srm_mock_parameters(const char* kernel) {
  const emu::Kernel* found = emu::find_kernel(kernel);
  return found == nullptr ? -1 : static_cast<int>(found->parameters.size());
}

SRM_MOCK int srm_mock_is_pointer(const char* kernel, int parameter) {
  return emu::find_kernel(kernel)->parameters[parameter].is_pointer;
}
