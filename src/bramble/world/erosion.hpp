#pragma once
#include <vector>

namespace bramble {

/// What running water and creeping soil leave of a land: `heights` [side, side], samples `spacing_m` apart, come back
/// eroded, metres. `strength` 0…1; 1 cuts valleys some metres deep.
///
/// In each of a few steps water finds its way to the border over the filled land (priority flood: Barnes, Lehman and
/// Mulla, "Priority-Flood", Computers & Geosciences 62, 2014), cuts into its bed in proportion to the square root of
/// the area it drains and to the slope, solved implicitly from the mouth upwards (Braun and Willett, "A very efficient
/// O(n), implicit and parallel method to solve the stream power equation", Geomorphology 180, 2013), and slopes creep
/// (diffusion). Runs in one fixed order: the same bytes always.
std::vector<float> erode(const std::vector<float>& heights, int side, double spacing_m, double strength);

}  // namespace bramble
