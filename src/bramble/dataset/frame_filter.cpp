#include "bramble/dataset/frame_filter.hpp"

#include <cstdlib>

namespace bramble {
namespace {

constexpr int kWidth = 32, kHeight = 24, kTaps = 3;

// Grey means of a few pixels out of each cell: pixel(u, v) gives the sum of `channels` values.
template <typename PixelSum>
ViewSignature sample_cells(int width, int height, int channels, const PixelSum& pixel_sum) {
  ViewSignature signature(kWidth * kHeight);
  for (int j = 0; j < kHeight; ++j)
    for (int i = 0; i < kWidth; ++i) {
      int sum = 0;
      for (int b = 0; b < kTaps; ++b)
        for (int a = 0; a < kTaps; ++a) {
          const auto u = static_cast<int>((static_cast<long>(i) * kTaps + a) * width / (kWidth * kTaps));
          const auto v = static_cast<int>((static_cast<long>(j) * kTaps + b) * height / (kHeight * kTaps));
          sum += pixel_sum(u, v);
        }
      signature[static_cast<std::size_t>(j * kWidth + i)] = static_cast<std::uint8_t>(sum / (kTaps * kTaps * channels));
    }
  return signature;
}

}  // namespace

ViewSignature view_signature(const ImageU8& image) {
  return sample_cells(image.width, image.height, image.channels, [&](int u, int v) {
    int sum = 0;
    for (int k = 0; k < image.channels; ++k) sum += image.at(u, v)[k];
    return sum;
  });
}

ViewSignature view_signature(const ImageView& view) {
  const int bytes = bytes_per_pixel(view.encoding);
  const bool plain = bytes == 1 || bytes == 3 || (bytes == 4 && view.encoding != "32FC1");
  if (!plain || view.width == 0 || view.height == 0) return {};
  const int channels = std::min(bytes, 3);
  return sample_cells(static_cast<int>(view.width), static_cast<int>(view.height), channels, [&](int u, int v) {
    const std::uint8_t* at =
        view.data.data() + static_cast<std::size_t>(v) * view.step + static_cast<std::size_t>(u) * bytes;
    int sum = 0;
    for (int k = 0; k < channels; ++k) sum += at[k];
    return sum;
  });
}

double view_change(const ViewSignature& a, const ViewSignature& b) {
  if (a.size() != b.size() || a.empty()) return 1;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<std::uint64_t>(std::abs(a[i] - b[i]));
  return static_cast<double>(sum) / (255.0 * static_cast<double>(a.size()));
}

FrameFilter::Verdict FrameFilter::judge(const std::optional<Eigen::Vector3d>& position_m,
                                        const ViewSignature& signature) {
  if (seen_++ % static_cast<std::uint64_t>(rules_.every) != 0) return Verdict::kEvery;
  if (rules_.metres > 0 && position_m && last_position_m_ && (*position_m - *last_position_m_).norm() < rules_.metres)
    return Verdict::kDistance;
  if (rules_.min_change > 0 && !signature.empty() && view_change(signature, last_signature_) < rules_.min_change)
    return Verdict::kView;
  last_position_m_ = position_m ? position_m : last_position_m_;
  last_signature_ = signature;
  return Verdict::kKeep;
}

}  // namespace bramble
