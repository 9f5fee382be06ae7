// Modules of PTX text and launches: names, parameters and geometry are those of the PTX; what runs is the same source.
#include <cstdlib>
#include <memory>

#include "state.h"

using mock::state;

namespace {

// Bytes of the arrays that a text declares in shared memory: `.shared .align 4 .b8 name[32];`
int static_shared(const std::string& ptx) {
  int bytes = 0;
  const std::string mark = ".shared .align ";
  for (size_t at = ptx.find(mark); at != std::string::npos; at = ptx.find(mark, at + 1)) {
    size_t open = ptx.find('[', at), end = ptx.find('\n', at);
    if (open < end) bytes += std::atoi(ptx.c_str() + open + 1);
  }
  return bytes;
}

// What a block may have that asks for it, by compute capability ("CUDA C++ Programming Guide", technical
// specifications), and without asking.
int most_shared() {
  switch (state().settings.capability) {
    case 80: return 163 << 10;
    case 90:
    case 100: return 227 << 10;
    default: return 99 << 10;
  }
}
constexpr int kSharedWithoutAsking = 48 << 10;

// The entries of a PTX text with the bytes of their parameters.
std::map<std::string, mock::Entry> parse_entries(const std::string& ptx) {
  std::map<std::string, mock::Entry> entries;
  const std::string mark = ".visible .entry ";
  for (size_t at = ptx.find(mark); at != std::string::npos; at = ptx.find(mark, at)) {
    size_t open = ptx.find('(', at), close = ptx.find(')', open), body = ptx.find('{', close);
    mock::Entry& entry = entries[ptx.substr(at + mark.size(), open - at - mark.size())];
    for (size_t p = ptx.find(".param .", open); p < close; p = ptx.find(".param .", p + 1)) {
      size_t type = p + 8;
      entry.parameters.push_back(static_cast<size_t>(std::atoi(ptx.c_str() + type + 1)) / 8);
    }
    size_t limit = ptx.find(".maxntid ", close);
    if (limit < body) entry.max_threads = static_cast<unsigned>(std::atoi(ptx.c_str() + limit + 9));
    at = body;
  }
  const int shared = static_shared(ptx);
  for (auto& [name, entry] : entries) entry.static_shared = shared;
  return entries;
}

// Whether a device of the set capability can run the text's target.
bool is_for_device(const std::string& ptx) {
  size_t at = ptx.find(".target sm_");
  if (at == std::string::npos) return false;
  char* end;
  int target = static_cast<int>(std::strtol(ptx.c_str() + at + 11, &end, 10));
  return *end == 'a' ? target == state().settings.capability : target <= state().settings.capability;
}

// Whether a driver of the set version knows the text's: PTX 8.N came with CUDA 12.N.
bool is_for_driver(const std::string& ptx) {
  const std::string mark = ".version 8.";
  size_t at = ptx.find(mark);
  return at != std::string::npos &&
         std::atoi(ptx.c_str() + at + mark.size()) <= (state().settings.version - 12000) / 10;
}

// A launch as it was asked for; the driver copies the parameters before it returns.
struct Launch {
  const mock::Function* function;
  std::string name;
  dim3 grid, block;
  size_t shared;
  std::vector<std::vector<unsigned char>> parameters;
};

void tamper(Launch& launch) {
  mock::Tampering& change = state().tampering;
  if (change.parameter < 0 || change.kernel != launch.name) return;
  auto& bytes = launch.parameters[change.parameter];
  if (launch.function->kernel->parameters[change.parameter].is_float) {
    float changed;
    std::memcpy(&changed, bytes.data(), sizeof changed);
    changed += static_cast<float>(change.add);
    std::memcpy(bytes.data(), &changed, sizeof changed);
    return;
  }
  int64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  value += change.add;
  std::memcpy(bytes.data(), &value, bytes.size());
}

void run(Launch& launch) {
  if (state().lost != kSuccess) return;
  std::vector<void*> values;
  for (size_t i = 0; i < launch.parameters.size(); i++) {
    values.push_back(launch.parameters[i].data());
    if (!launch.function->kernel->parameters[i].is_pointer) continue;
    void* pointer;
    std::memcpy(&pointer, launch.parameters[i].data(), sizeof pointer);
    const mock::Block* block = pointer == nullptr ? nullptr : mock::find_block(pointer, 1);
    if (pointer != nullptr && (block == nullptr || !block->is_device)) {
      mock::violation("%s: parameter %zu points into no live device block", launch.name.c_str(), i);
      mock::lose(kIllegalAddress);
      return;
    }
  }
  const char* problem =
      emu::run_grid(*launch.function->kernel, launch.grid, launch.block, launch.shared, values.data());
  if (problem == nullptr) return;
  mock::violation("%s: %s", launch.name.c_str(), problem);
  mock::lose(kLaunchFailed);
}

}  // namespace

SRM_MOCK CUresult cuModuleLoadDataEx(void** handle, const void* image, unsigned options, int* names, void** values) {
  SRM_ENTER();
  std::string ptx = static_cast<const char*>(image);
  if (options > 0 && (names == nullptr || values == nullptr)) mock::violation("options without names or values");
  if (ptx.find(".version ") == std::string::npos) return mock::violation("a module is no PTX text"), kInvalidImage;
  if (!is_for_driver(ptx)) return kUnsupportedPtx;
  if (!is_for_device(ptx)) return kNoBinaryForGpu;
  auto* module = new mock::Module;
  module->entries = parse_entries(ptx);
  state().modules[module] = module;
  *handle = module;
  return kSuccess;
}

SRM_MOCK CUresult cuModuleUnload(void* handle) {
  SRM_ENTER();
  auto found = state().modules.find(handle);
  if (found == state().modules.end()) return mock::violation("a module is unloaded twice"), kInvalidHandle;
  if (mock::is_work_queued()) mock::violation("a module is unloaded while work is queued");
  mock::drain_all();
  delete found->second;
  state().modules.erase(found);
  return kSuccess;
}

SRM_MOCK CUresult cuModuleGetFunction(void** function, void* handle, const char* name) {
  SRM_ENTER();
  auto found = state().modules.find(handle);
  if (found == state().modules.end())
    return mock::violation("a function of a dead module is asked for"), kInvalidHandle;
  auto entry = found->second->entries.find(name);
  if (entry == found->second->entries.end()) return mock::violation("the module has no entry %s", name), kNotFound;
  const emu::Kernel* kernel = emu::find_kernel(name);
  if (kernel == nullptr) return kNotFound;  // in the PTX, but only a GPU can run it
  bool same = kernel->parameters.size() == entry->second.parameters.size();
  for (size_t i = 0; same && i < kernel->parameters.size(); i++)
    same = kernel->parameters[i].size == entry->second.parameters[i];
  if (!same) mock::violation("%s has other parameters in PTX than in the emulation", name);
  mock::Function& made = found->second->functions[name];
  made = {found->second, entry->second, kernel, kSharedWithoutAsking - entry->second.static_shared};
  *function = &made;
  return kSuccess;
}

SRM_MOCK CUresult cuFuncSetAttribute(void* function, int attribute, int value) {
  SRM_ENTER();
  auto* asked = static_cast<mock::Function*>(function);
  if (attribute != 8 || value < 0 || value + asked->entry.static_shared > most_shared())
    return mock::violation("attribute %d = %d", attribute, value), kInvalidValue;
  asked->max_dynamic_shared = value;
  return kSuccess;
}

SRM_MOCK CUresult cuLaunchKernel(void* handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                 unsigned bz, unsigned shared, void* stream, void** parameters, void** extra) {
  SRM_ENTER();
  auto on = state().streams.find(stream);
  if (on == state().streams.end()) return mock::violation("a launch on a stream that is not alive"), kInvalidHandle;
  auto* function = static_cast<mock::Function*>(handle);
  const char* name = function->kernel->name;
  state().launches[name]++;
  if (extra != nullptr) mock::violation("%s: extra options", name);
  bool grid_fits = gx > 0 && gy > 0 && gz > 0 && gx <= 0x7fffffffu && gy <= 65535 && gz <= 65535;
  uint64_t threads = static_cast<uint64_t>(bx) * by * bz;
  bool block_fits = threads > 0 && threads <= function->entry.max_threads;
  if (!grid_fits || !block_fits || shared > static_cast<unsigned>(function->max_dynamic_shared)) {
    mock::violation(
        "%s: grid %u x %u x %u, block %u x %u x %u (at most %u threads), %u bytes of shared memory (at most %d)", name,
        gx, gy, gz, bx, by, bz, function->entry.max_threads, shared, function->max_dynamic_shared);
    return kInvalidValue;
  }
  auto launch = std::make_shared<Launch>(Launch{function, name, {gx, gy, gz}, {bx, by, bz}, shared, {}});
  for (size_t i = 0; i < function->entry.parameters.size(); i++) {
    auto* value = static_cast<unsigned char*>(parameters[i]);
    launch->parameters.emplace_back(value, value + function->entry.parameters[i]);
  }
  tamper(*launch);
  on->second->work.push_back([launch] { run(*launch); });
  return kSuccess;
}
