// Graphs: launches that are captured instead of queued, and queued together later.
#include "state.h"

namespace mock {
void set_capturing(bool captures);
}

using mock::state;

namespace {

mock::Graph* find_graph(void* handle, bool is_executable) {
  auto found = state().graphs.find(handle);
  return found != state().graphs.end() && found->second->is_executable == is_executable ? found->second : nullptr;
}

void* keep(mock::Work work, bool is_executable) {
  auto* graph = new mock::Graph{std::move(work), is_executable};
  state().graphs[graph] = graph;
  return graph;
}

CUresult destroy(void* handle, bool is_executable) {
  mock::Graph* graph = find_graph(handle, is_executable);
  if (graph == nullptr) return mock::violation("a graph is destroyed twice, or as another kind"), kInvalidHandle;
  state().graphs.erase(handle);
  delete graph;
  return kSuccess;
}

}  // namespace

SRM_MOCK CUresult cuStreamBeginCapture_v2(void* handle, int mode) {
  SRM_ENTER();
  auto found = state().streams.find(handle);
  if (found == state().streams.end()) return mock::violation("a dead stream is captured"), kInvalidHandle;
  if (mode != 1) mock::violation("a capture that other threads' calls would end (mode %d)", mode);
  if (found->second->capture != nullptr) return mock::violation("a capture within a capture"), kInvalidValue;
  found->second->capture = new mock::Work;
  mock::set_capturing(true);
  return kSuccess;
}

SRM_MOCK CUresult cuStreamEndCapture(void* handle, void** graph) {
  // A call that fails ends the capture too.
  auto end = [&]() -> mock::Work {
    auto found = state().streams.find(handle);
    if (found == state().streams.end() || found->second->capture == nullptr) return {};
    mock::Work work = std::move(*found->second->capture);
    delete std::exchange(found->second->capture, nullptr);
    return work;
  };
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  *graph = nullptr;
  CUresult result = mock::enter(__func__);
  mock::set_capturing(false);
  mock::Work work = end();
  if (result == kSuccess) *graph = keep(std::move(work), false);
  return result;
}

SRM_MOCK CUresult cuGraphInstantiateWithFlags(void** executable, void* handle, uint64_t flags) {
  SRM_ENTER();
  mock::Graph* graph = find_graph(handle, false);
  if (graph == nullptr || flags != 0) return mock::violation("no graph to instantiate, or flags"), kInvalidValue;
  *executable = keep(graph->work, true);
  return kSuccess;
}

SRM_MOCK CUresult cuGraphLaunch(void* handle, void* stream) {
  SRM_ENTER();
  auto on = state().streams.find(stream);
  mock::Graph* graph = find_graph(handle, true);
  if (on == state().streams.end() || graph == nullptr)
    return mock::violation("a graph or a stream that is not alive"), kInvalidHandle;
  on->second->work.insert(on->second->work.end(), graph->work.begin(), graph->work.end());
  return kSuccess;
}

SRM_MOCK CUresult cuGraphDestroy(void* graph) {
  SRM_ENTER();
  return destroy(graph, false);
}

SRM_MOCK CUresult cuGraphExecDestroy(void* graph) {
  SRM_ENTER();
  return destroy(graph, true);
}
