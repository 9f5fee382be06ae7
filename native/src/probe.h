#pragma once

#include "backend.h"

namespace srm {

/// The most that all threads of the backend reach together (SRMK_PROBE_*): floating-point operations or bytes a
/// second, the best of short runs that together take about so many seconds. Throws Error where the processor lacks the
/// instructions.
double probe(srmk_backend& backend, int kind, double seconds);

}  // namespace srm
