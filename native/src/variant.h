#pragma once

#include <array>

#include "cpu/features.h"

namespace srm {

/// One way to compute an op. An op file ends in a table of these, slowest first; the last proven one that the machine
/// can run, and that is faster there, is the default.
template <class Fn>
struct Variant {
  const char* name;
  Cpu needs;
  Fn run;
  /// Whether it was ever run on a machine that has what it needs; one that was not is never chosen by itself.
  bool proven = true;
};

/// A table without its function type, for the registry.
struct VariantInfo {
  const char* name;
  Cpu needs;
  bool proven;
};

struct VariantList {
  const VariantInfo* items;
  int count;
};

template <class Fn, size_t N>
constexpr std::array<VariantInfo, N> infos(const std::array<Variant<Fn>, N>& table) {
  std::array<VariantInfo, N> result{};
  for (size_t i = 0; i < N; i++) result[i] = {table[i].name, table[i].needs, table[i].proven};
  return result;
}

}  // namespace srm
