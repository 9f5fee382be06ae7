#pragma once

#include <stdexcept>
#include <string>

#include "srm_kernels.h"

namespace srm {

/// A failure with the status that the ABI reports for it.
class Error : public std::runtime_error {
 public:
  Error(srmk_status status, const std::string& message) : std::runtime_error(message), status(status) {}
  const srmk_status status;
};

inline void require(bool holds, const char* message) {
  if (!holds) throw Error(SRMK_INVALID_ARGUMENT, message);
}

}  // namespace srm
