#pragma once

namespace bramble {

/// Which sensors a frame comes with.
enum class SensorWork {
  kAll,
  kInTurn,  ///< those that come first, and of the others one, each in its turn
  kNone
};

}  // namespace bramble
