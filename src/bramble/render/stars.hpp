#pragma once
#include <Eigen/Core>

namespace bramble {

/// Light of the fixed stars in a direction (unit, M): 0 between them, up to 1 in the middle of the brightest. Some
/// 2,500 over the horizon, placed evenly and by chance, few bright and many faint: with every factor of 2.5 in light
/// there are about three times as many, as in the real sky. Each is a point about 0.1 degrees wide.
float star_light(const Eigen::Vector3f& direction);

}  // namespace bramble
