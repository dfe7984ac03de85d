#include "bramble/dataset/pairing.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace bramble {
namespace {

constexpr StampNs kNone = INT64_MIN;

// Whether `a` lies nearer to `to` than `b`; of two equally near stamps the earlier counts as nearer.
bool nearer(StampNs a, StampNs b, StampNs to) {
  return std::pair(std::llabs(a - to), a) < std::pair(std::llabs(b - to), b);
}

}  // namespace

Pairing::Pairing(std::int64_t slop_ns, std::size_t most_waiting_bytes)
    : slop_ns_(slop_ns), most_waiting_bytes_(most_waiting_bytes), newest_{kNone, kNone} {}

bool Pairing::add(Side side, StampedPayload message) {
  const StampNs stamp_ns = message.stamp_ns;
  auto& seen = seen_[side];
  const auto place = std::lower_bound(seen.begin(), seen.end(), stamp_ns);  // the end, nearly always
  if (place != seen.end() && *place == stamp_ns) return false;
  seen.insert(place, stamp_ns);
  if (newest_[side] != kNone && stamp_ns < newest_[side] - kNsPerSecond - 3 * slop_ns_)
    newest_[kLabel] = newest_[kImage] = kNone;
  newest_[side] = std::max(newest_[side], stamp_ns);
  waiting_bytes_ += message.cdr ? message.cdr->size() : 0;
  waiting_[side].emplace(stamp_ns, std::move(message));
  return true;
}

StampedPayload Pairing::remove(Side side, Waiting::iterator message) {
  StampedPayload payload = std::move(message->second);
  waiting_bytes_ -= payload.cdr ? payload.cdr->size() : 0;
  waiting_[side].erase(message);
  return payload;
}

Pairing::Waiting::const_iterator Pairing::nearest_label(StampNs image_ns) const {
  const Waiting& labels = waiting_[kLabel];
  const auto after = labels.lower_bound(image_ns);
  if (after == labels.begin()) return after;
  const auto before = std::prev(after);
  return after == labels.end() || nearer(before->first, after->first, image_ns) ? before : after;
}

Pairing::Waiting::iterator Pairing::partner_of(StampNs image_ns) {
  Waiting& images = waiting_[kImage];
  Waiting& labels = waiting_[kLabel];
  auto best = labels.end();
  for (auto label = labels.lower_bound(image_ns - slop_ns_);
       label != labels.end() && label->first <= image_ns + slop_ns_; ++label) {
    if (best != labels.end() && nearer(best->first, label->first, image_ns)) continue;
    // Does the label belong to another picture, nearer to it, which would take it?
    const std::int64_t distance = std::llabs(label->first - image_ns);
    bool taken = false;
    for (auto rival = images.upper_bound(label->first - distance);
         rival != images.end() && rival->first < label->first + distance && !taken; ++rival)
      taken = nearest_label(rival->first) == label;
    if (!taken) best = label;
  }
  return best;
}

std::vector<StampedPair> Pairing::take(bool all) {
  std::vector<StampedPair> pairs;
  Waiting& images = waiting_[kImage];
  Waiting& labels = waiting_[kLabel];
  for (;;) {
    // Labels older than every picture that waits or comes find no partner any more.
    const StampNs oldest_image = images.empty() ? newest_[kImage] : images.begin()->first;
    while (!labels.empty() && oldest_image != kNone && labels.begin()->first + slop_ns_ < oldest_image) {
      remove(kLabel, labels.begin());
      ++without_partner_[kLabel];
    }
    const bool full = waiting_bytes_ > most_waiting_bytes_;
    if (images.empty()) {
      if (labels.empty() || !(all || full)) return pairs;
      remove(kLabel, labels.begin());
      ++without_partner_[kLabel];
      continue;
    }
    // Three slops: the picture's label, the rival of that label, and the rival's own label.
    const StampNs stamp_ns = images.begin()->first;
    if (!all && !full && std::min(newest_[kLabel], newest_[kImage]) < stamp_ns + 3 * slop_ns_) return pairs;
    const auto label = partner_of(stamp_ns);
    if (label == labels.end()) {
      remove(kImage, images.begin());
      ++without_partner_[kImage];
      continue;
    }
    StampedPair pair;
    pair.image = remove(kImage, images.begin());
    pair.label = remove(kLabel, label);
    pairs.push_back(std::move(pair));
  }
}

}  // namespace bramble
