// Streams and events. Work is carried out when somebody waits for it.
#include "state.h"

using mock::state;

namespace {
// Takes the work under the lock, carries it out without.
CUresult wait_for(mock::Stream* stream, uint64_t until = UINT64_MAX) {
  mock::drain(*stream, until);
  return state().lost;
}
}  // namespace

SRM_MOCK CUresult cuStreamCreate(void** handle, unsigned flags) {
  SRM_ENTER();
  if (flags != 1) mock::violation("a stream is made that waits for the default stream (flags %u)", flags);
  auto* stream = new mock::Stream;
  state().streams[stream] = stream;
  *handle = stream;
  return kSuccess;
}

SRM_MOCK CUresult cuStreamDestroy_v2(void* handle) {
  SRM_ENTER();
  auto found = state().streams.find(handle);
  if (found == state().streams.end()) return mock::violation("a stream is destroyed twice"), kInvalidHandle;
  wait_for(found->second);
  delete found->second;
  state().streams.erase(found);
  return kSuccess;
}

SRM_MOCK CUresult cuStreamSynchronize(void* handle) {
  SRM_ENTER();
  auto found = state().streams.find(handle);
  if (found == state().streams.end()) return mock::violation("a dead stream is waited for"), kInvalidHandle;
  return wait_for(found->second);
}

SRM_MOCK CUresult cuEventCreate(void** handle, unsigned flags) {
  SRM_ENTER();
  if (flags != 0 && flags != 2) mock::violation("an event is made with flags %u", flags);
  auto* event = new mock::Event{flags == 0};
  state().events[event] = event;
  *handle = event;
  return kSuccess;
}

SRM_MOCK CUresult cuEventDestroy_v2(void* handle) {
  SRM_ENTER();
  auto found = state().events.find(handle);
  if (found == state().events.end()) return mock::violation("an event is destroyed twice"), kInvalidHandle;
  delete found->second;
  state().events.erase(found);
  return kSuccess;
}

SRM_MOCK CUresult cuEventRecord(void* handle, void* stream) {
  SRM_ENTER();
  auto found = state().events.find(handle);
  auto on = state().streams.find(stream);
  if (found == state().events.end() || on == state().streams.end())
    return mock::violation("a dead event or stream is recorded"), kInvalidHandle;
  mock::Event& event = *found->second;
  event.stream = on->second;
  event.at = on->second->done + on->second->work.size();
  return kSuccess;
}

SRM_MOCK CUresult cuEventSynchronize(void* handle) {
  SRM_ENTER();
  auto found = state().events.find(handle);
  if (found == state().events.end()) return mock::violation("a dead event is waited for"), kInvalidHandle;
  mock::Stream* stream = found->second->stream;
  if (stream == nullptr) return kSuccess;
  const uint64_t at = found->second->at;
  if (at > stream->done && at < stream->done + stream->work.size()) state().calls["waits with work behind"]++;
  return wait_for(stream, at);  // what was queued later may still be under way
}

// A piece of work (a launch, a copy, a memset) takes a microsecond: nothing is known here of how long a device takes.
SRM_MOCK CUresult cuEventElapsedTime(float* milliseconds, void* start, void* end) {
  SRM_ENTER();
  auto first = state().events.find(start), last = state().events.find(end);
  if (first == state().events.end() || last == state().events.end())
    return mock::violation("a time is taken of a dead event"), kInvalidHandle;
  const mock::Event &from = *first->second, &to = *last->second;
  if (!from.is_timed || !to.is_timed || from.stream == nullptr || from.stream != to.stream)
    return mock::violation("a time is taken of events without timing, or not of one stream"), kInvalidHandle;
  if (to.at > to.stream->done) return kNotReady;
  *milliseconds = 1e-3f * static_cast<float>(to.at - from.at);
  return kSuccess;
}
