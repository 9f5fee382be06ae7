#pragma once

#include <array>

#include "cpu/features.h"

namespace srm {

/// One way to compute an op. An op file ends in a table of these, slowest first; the last that the machine can run is
/// the default.
template <class Fn>
struct Variant {
  const char* name;
  Cpu needs;
  Fn run;
};

/// A table without its function type, for the registry.
struct VariantInfo {
  const char* name;
  Cpu needs;
};

struct VariantList {
  const VariantInfo* items;
  int count;
};

template <class Fn, size_t N>
constexpr std::array<VariantInfo, N> infos(const std::array<Variant<Fn>, N>& table) {
  std::array<VariantInfo, N> result{};
  for (size_t i = 0; i < N; i++) result[i] = {table[i].name, table[i].needs};
  return result;
}

}  // namespace srm
