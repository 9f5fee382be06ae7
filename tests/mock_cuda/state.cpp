#include "state.h"

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <iterator>

namespace mock {

State& state() {
  static State* all = new State;  // never destroyed: finalisers may call until the process ends
  return *all;
}

namespace {
thread_local bool has_context;

// Giving things back is left out where any call may fail: no program can do anything about that.
bool is_chosen(const std::string& wanted, const std::string& function) {
  if (wanted != "*") return wanted == function;
  for (const char* part : {"Free", "Destroy", "Unload", "Release", "GetError"})
    if (function.find(part) != std::string::npos) return false;
  return true;
}

// After these every call gives them again: memory errors, faults of kernels, a context that is gone.
bool is_sticky(CUresult result) {
  return result == 214 || result == 220 || result == kIllegalAddress || result == 702 || result == 709 ||
         result == 710 || (result >= 714 && result <= kLaunchFailed) || result == 999;
}

}  // namespace

void set_current(bool is_current) { has_context = is_current; }

void violation(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  if (state().violations.size() < 20000) state().violations += std::string(text) + "\n";
}

CUresult enter(const char* function, bool needs_context) {
  State& s = state();
  s.calls[function]++;
  if (s.injection.result != kSuccess && is_chosen(s.injection.function, function) && s.injection.calls_before-- == 0) {
    CUresult result = s.injection.result;
    s.injection = {};
    if (is_sticky(result)) lose(result);
    return result;
  }
  if (!s.is_initialized && std::string(function) != "cuInit" && std::string(function) != "cuDriverGetVersion") {
    violation("%s before cuInit", function);
    return kNotInitialized;
  }
  if (!needs_context) return kSuccess;
  if (s.lost != kSuccess) return s.lost;
  if (s.context_users == 0 || !has_context) {
    violation("%s without a current context", function);
    return kInvalidContext;
  }
  return kSuccess;
}

const Block* find_block(const void* pointer, size_t bytes) {
  auto& blocks = state().blocks;
  auto after = blocks.upper_bound(pointer);
  if (after == blocks.begin()) return nullptr;
  const Block& block = std::prev(after)->second;
  auto* from = static_cast<const unsigned char*>(pointer);
  return from + bytes <= block.start + block.bytes ? &block : nullptr;
}

void check_guards(const Block& block) {
  static const std::vector<unsigned char> untouched(kGuard, 0xff);
  if (std::memcmp(block.start + block.bytes, untouched.data(), kGuard) != 0)
    violation("bytes after a block of %zu bytes were overwritten", block.bytes);
  if (std::memcmp(block.start - kGuard, untouched.data(), kGuard) != 0)
    violation("bytes before a block of %zu bytes were overwritten", block.bytes);
}

void check_all_guards() {
  for (auto& [start, block] : state().blocks) check_guards(block);
}

void drain(Stream& stream, uint64_t until) {
  if (until <= stream.done) return;
  const auto first = stream.work.begin();
  const auto last = first + static_cast<ptrdiff_t>(std::min<uint64_t>(stream.work.size(), until - stream.done));
  Work pieces(std::make_move_iterator(first), std::make_move_iterator(last));
  stream.work.erase(first, last);
  stream.done += pieces.size();
  for (auto& piece : pieces) piece();
}

void drain_all() {
  for (auto& [handle, stream] : state().streams) drain(*stream);
}

bool is_work_queued() {
  for (auto& [handle, stream] : state().streams)
    if (!stream->work.empty()) return true;
  return false;
}

void lose(CUresult result) {
  state().lost = result;
  for (auto& [handle, stream] : state().streams) stream->work.clear();
}

void free_everything() {
  State& s = state();
  bool is_leak = s.lost == kSuccess;
  if (is_leak && !s.blocks.empty()) violation("%zu blocks are alive when the context goes", s.blocks.size());
  if (is_leak && !s.streams.empty()) violation("%zu streams are alive when the context goes", s.streams.size());
  if (is_leak && !s.events.empty()) violation("%zu events are alive when the context goes", s.events.size());
  if (is_leak && !s.modules.empty()) violation("%zu modules are alive when the context goes", s.modules.size());
  if (is_leak && !s.library_objects.empty())
    violation("%zu objects of cuBLASLt are alive when the context goes", s.library_objects.size());
  for (auto& [start, block] : s.blocks) std::free(block.start - kGuard);
  for (auto& [handle, stream] : s.streams) delete stream;
  for (auto& [handle, event] : s.events) delete event;
  for (auto& [handle, module] : s.modules) delete module;
  s.blocks.clear();
  s.streams.clear();
  s.events.clear();
  s.modules.clear();
  s.device_bytes = 0;
  s.lost = kSuccess;
}

}  // namespace mock
