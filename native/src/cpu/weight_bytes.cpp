#include "cpu/weight_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "error.h"

namespace srm {
namespace {
constexpr int kEndOfFile = -1;                      // no errno is negative
constexpr int64_t kAheadStep = int64_t{256} << 10;  // of a longer request the system may take only the beginning
}  // namespace

void ReadFailure::note(int error) {
  int none = 0;
  error_.compare_exchange_strong(none, error);
}

void ReadFailure::check() const {
  int error = error_.load();
  if (error == 0) return;
  throw Error(SRMK_UNREADABLE, error == kEndOfFile ? "the file ends early" : std::string(std::strerror(error)));
}

const char* WeightBytes::at(int64_t start, int64_t count, char* buffer, ReadFailure& failure) const {
  if (memory != nullptr) return static_cast<const char*>(memory) + start;
  for (int64_t done = 0; done < count;) {
    ssize_t got = pread(file, buffer + done, static_cast<size_t>(count - done), offset + start + done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      failure.note(got == 0 ? kEndOfFile : errno);
      std::memset(buffer + done, 0, static_cast<size_t>(count - done));
      break;
    }
    done += got;
  }
  return buffer;
}

void WeightBytes::read_ahead(int64_t from, int64_t to) const {
  if (memory != nullptr) return;
  for (int64_t step = (from + kAheadStep - 1) / kAheadStep * kAheadStep; step < to; step += kAheadStep)
    posix_fadvise(file, offset + step, kAheadStep, POSIX_FADV_WILLNEED);
}

}  // namespace srm
