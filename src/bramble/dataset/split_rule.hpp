#pragma once
#include <array>
#include <string>
#include <vector>

namespace bramble {

/// Which samples of an extraction learn, validate and test. Neighbouring frames look alike, so there is no rule that
/// draws single frames: parts are whole drives, stretches of time, or places.
///   train | val | test       all of it
///   bag:70/15/15             whole bags, in the order given, by their number of pictures
///   time:70/15/15            stretches of each bag, in order; with gap, so many pictures at either side of a border go
///   place:20:70/15/15        squares of 20 m of the odometry's frame, drawn by a hash of the square
class SplitRule {
 public:
  SplitRule() = default;
  /// Throws Error that says how to write it.
  static SplitRule parse(const std::string& text, int gap = 0);

  bool needs_place() const { return kind_ == Kind::kPlace; }
  const std::string& text() const { return text_; }
  int gap() const { return gap_; }

  struct Frame {
    std::size_t bag = 0;     ///< number of the bag
    double bag_middle = 0;   ///< where the middle of the bag lies in all pictures, 0…1
    std::size_t number = 0;  ///< of the picture in its bag
    std::size_t count = 1;   ///< pictures in the bag
    double x_m = 0, y_m = 0;
  };
  /// train, val or test; empty: the frame lies in a gap.
  std::string of(const Frame& frame) const;

 private:
  enum class Kind { kAll, kBag, kTime, kPlace };
  std::string at(double share) const;
  Kind kind_ = Kind::kAll;
  std::string text_ = "train";
  std::array<double, 2> borders_{1, 1};  // end of train, end of val, 0…1
  double square_m_ = 0;
  int gap_ = 0;
};

}  // namespace bramble
