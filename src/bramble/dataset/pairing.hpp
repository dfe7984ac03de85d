#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "bramble/core/stamp.hpp"

namespace bramble {

/// A message on its way into a pair: the stamp of its header, and its bytes.
struct StampedPayload {
  StampNs stamp_ns = 0;
  std::shared_ptr<const std::vector<std::uint8_t>> cdr;
};
struct StampedPair {
  StampedPayload image, label;
};

/// Pairs the pictures and labels of one recording by header stamp while they come. Rules:
///   - Stamps of a pair differ by at most slop_ns (0: they are equal).
///   - A picture takes the nearest label that no other picture is nearer to as its own nearest (ties: the earlier), so
///   a
///     late label goes to its own frame and not to the one before.
///   - A second message of one kind with a stamp that came before is refused.
///   - Stamps that jump back by more than a second start a new stretch (a simulation that was started again).
/// The result depends on the messages and their order only. Memory: the messages that wait for a partner, until it has
/// come or cannot come any more, at most `most_waiting_bytes` (then the oldest goes without); 8 bytes for every stamp.
class Pairing {
 public:
  enum Side { kLabel = 0, kImage = 1 };

  explicit Pairing(std::int64_t slop_ns, std::size_t most_waiting_bytes = std::size_t{512} << 20);

  /// Takes a message; false when one of this side with the same stamp came before (it is left out).
  bool add(Side side, StampedPayload message);
  /// The pairs that nothing to come can change, in order of the picture's stamp.
  std::vector<StampedPair> take_settled() { return take(false); }
  /// Every pair that is left; what still waits has no partner. Call at the end.
  std::vector<StampedPair> take_rest() { return take(true); }

  std::uint64_t images_without_label() const { return without_partner_[kImage]; }
  std::uint64_t labels_without_image() const { return without_partner_[kLabel]; }
  std::size_t waiting_bytes() const { return waiting_bytes_; }

 private:
  using Waiting = std::map<StampNs, StampedPayload>;
  std::vector<StampedPair> take(bool all);
  Waiting::iterator partner_of(StampNs image_ns);
  Waiting::const_iterator nearest_label(StampNs image_ns) const;
  StampedPayload remove(Side side, Waiting::iterator message);

  std::int64_t slop_ns_;
  std::size_t most_waiting_bytes_;
  std::size_t waiting_bytes_ = 0;
  Waiting waiting_[2];
  std::vector<StampNs> seen_[2];  // sorted
  StampNs newest_[2];             // of the present stretch
  std::uint64_t without_partner_[2] = {0, 0};
};

}  // namespace bramble
