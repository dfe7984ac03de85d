#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "bramble/core/image.hpp"
#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// How well the borders of the classes are met (Csurka et al., "What is a good evaluation measure for semantic
/// segmentation?", BMVC 2013): F1 of precision (share of the estimate's border pixels within a tolerance of a border
/// pixel of the truth's, same class) and recall (the other way round), counted over all frames.
/// A border pixel of a class has a neighbour (of four) of another class; the picture's edge and neighbours that are
/// ignored in the truth make none, and ignored pixels are none themselves.
class BoundaryScore {
 public:
  BoundaryScore() = default;
  explicit BoundaryScore(std::size_t class_count) : counts_(class_count) {}

  /// Tolerance in pixels: 0.75 % of the diagonal, at least 1.
  static double tolerance(int width, int height);

  void add(const ImageU8& label, const ImageU8& estimate);
  void merge(const BoundaryScore& other);
  /// None where neither truth nor estimate has a border of the class.
  std::optional<double> f1(ClassId id) const;
  /// Over the classes that have one.
  std::optional<double> mean_f1() const;

 private:
  struct Counts {
    std::uint64_t truth = 0, truth_met = 0, estimate = 0, estimate_met = 0;
  };
  std::vector<Counts> counts_;
};

}  // namespace bramble
