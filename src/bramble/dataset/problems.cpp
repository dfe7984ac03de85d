#include "bramble/dataset/problems.hpp"

#include "bramble/core/error.hpp"

namespace bramble {
namespace {
constexpr std::size_t kMostNamed = 20;
}

void Problems::add(const std::string& kind, const std::string& text) {
  if (strict_) fail("--strict: {}: {}", kind, text);
  ++counts_[kind];
  if (first_.size() < kMostNamed) first_.push_back(kind + ": " + text);
}

void Problems::merge(const Problems& other) {
  if (strict_ && !other.empty()) fail("--strict: {}", other.first_.front());
  for (const auto& [kind, count] : other.counts_) counts_[kind] += count;
  for (const auto& text : other.first_)
    if (first_.size() < kMostNamed) first_.push_back(text);
}

std::uint64_t Problems::total() const {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : counts_) sum += count;
  return sum;
}

std::uint64_t Problems::count(const std::string& kind) const {
  const auto found = counts_.find(kind);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace bramble
