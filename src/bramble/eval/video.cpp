#include "bramble/eval/video.hpp"

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/parallel.hpp"

namespace bramble {

namespace {

std::uint8_t to_byte(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/// RGB to planar YCbCr 4:2:0, ITU-R BT.601 with video range (Y 16…235), in 8-bit fixed point: what VP8 players assume.
/// Colour is the mean over 2x2 pixels.
void to_yuv420(const ImageU8& rgb, vpx_image_t& yuv) {
  const int width = rgb.width;
  const int height = rgb.height;
  parallel_for(static_cast<std::size_t>((height + 1) / 2), [&](std::size_t pair) {
    const int top = 2 * static_cast<int>(pair);
    for (int v = top; v < std::min(top + 2, height); ++v) {
      const std::uint8_t* in = rgb.row(v);
      std::uint8_t* luma = yuv.planes[VPX_PLANE_Y] + static_cast<std::ptrdiff_t>(v) * yuv.stride[VPX_PLANE_Y];
      for (int u = 0; u < width; ++u)
        luma[u] = to_byte((66 * in[3 * u] + 129 * in[3 * u + 1] + 25 * in[3 * u + 2] + 128 + 16 * 256) >> 8);
    }
    const std::uint8_t* above = rgb.row(top);
    const std::uint8_t* below = rgb.row(std::min(top + 1, height - 1));
    const auto row = static_cast<std::ptrdiff_t>(pair);
    std::uint8_t* blue = yuv.planes[VPX_PLANE_U] + row * yuv.stride[VPX_PLANE_U];
    std::uint8_t* red = yuv.planes[VPX_PLANE_V] + row * yuv.stride[VPX_PLANE_V];
    for (int u = 0; u < (width + 1) / 2; ++u) {
      const int left = 6 * u;
      const int right = 3 * std::min(2 * u + 1, width - 1);
      const auto mean = [&](int c) {
        return (above[left + c] + above[right + c] + below[left + c] + below[right + c] + 2) / 4;
      };
      const int r = mean(0);
      const int g = mean(1);
      const int b = mean(2);
      blue[u] = to_byte((-38 * r - 74 * g + 112 * b + 128 + 128 * 256) >> 8);
      red[u] = to_byte((112 * r - 94 * g - 18 * b + 128 + 128 * 256) >> 8);
    }
  });
}

}  // namespace

struct Video::Impl {
  VideoOptions options;
  vpx_codec_ctx_t codec{};
  vpx_image_t* picture = nullptr;
  std::vector<WebmFrame> encoded;
  StampNs first_ns = 0;
  std::int64_t last_ms = -1;
  std::int64_t key_ms = 0;
  std::int64_t step_ms = 50;
  bool finished = false;

  ~Impl() {
    if (picture) vpx_img_free(picture);
    vpx_codec_destroy(&codec);
  }
  /// Takes what the encoder has ready.
  void collect() {
    vpx_codec_iter_t next = nullptr;
    while (const vpx_codec_cx_pkt_t* packet = vpx_codec_get_cx_data(&codec, &next)) {
      if (packet->kind != VPX_CODEC_CX_FRAME_PKT) continue;
      const auto* bytes = static_cast<const std::uint8_t*>(packet->data.frame.buf);
      encoded.push_back({packet->data.frame.pts,
                         (packet->data.frame.flags & VPX_FRAME_IS_KEY) != 0,
                         {bytes, bytes + packet->data.frame.sz}});
    }
  }
};

Video::Video(const VideoOptions& options) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  if (options.width < 2 || options.height < 2 || options.width > 16'384 || options.height > 16'384)
    fail("video: a size of {}x{} cannot be encoded; 2 to 16384 pixels each way can", options.width, options.height);
  vpx_codec_enc_cfg_t config{};
  vpx_codec_enc_config_default(vpx_codec_vp8_cx(), &config, 0);
  config.g_w = static_cast<unsigned>(options.width);
  config.g_h = static_cast<unsigned>(options.height);
  config.g_timebase = {1, 1000};
  config.g_threads = static_cast<unsigned>(std::clamp(thread_count(), 1, 4));
  config.g_lag_in_frames = 0;
  config.rc_end_usage = VPX_VBR;
  config.rc_target_bitrate = static_cast<unsigned>(options.kilobits_per_s);
  config.rc_min_quantizer = 4;
  config.rc_max_quantizer = 48;
  config.kf_mode = VPX_KF_DISABLED;  // asked for by time
  if (vpx_codec_enc_init(&impl_->codec, vpx_codec_vp8_cx(), &config, 0) != VPX_CODEC_OK)
    fail("video: the VP8 encoder does not start for {}x{}: {}", options.width, options.height,
         vpx_codec_error(&impl_->codec));
  vpx_codec_control(&impl_->codec, VP8E_SET_CPUUSED, 5);  // 0…16: speed for quality
  impl_->picture = vpx_img_alloc(nullptr, VPX_IMG_FMT_I420, config.g_w, config.g_h, 16);
  if (!impl_->picture) fail("video: no memory for frames of {}x{}", options.width, options.height);
}

Video::~Video() = default;

void Video::add(const ImageU8& rgb, StampNs stamp_ns) {
  Impl& impl = *impl_;
  if (impl.finished) fail("video: it has been finished");
  if (rgb.width != impl.options.width || rgb.height != impl.options.height || rgb.channels != 3)
    fail("video: a frame of {}x{} with {} channels does not fit {}x{} RGB", rgb.width, rgb.height, rgb.channels,
         impl.options.width, impl.options.height);
  if (impl.last_ms < 0) impl.first_ns = stamp_ns;
  const std::int64_t time_ms = (stamp_ns - impl.first_ns) / 1'000'000;
  if (time_ms <= impl.last_ms) return;
  to_yuv420(rgb, *impl.picture);
  const bool key = impl.last_ms < 0 || static_cast<double>(time_ms - impl.key_ms) >= 1000 * impl.options.keyframe_s;
  if (key) impl.key_ms = time_ms;
  if (impl.last_ms >= 0) impl.step_ms = time_ms - impl.last_ms;
  impl.last_ms = time_ms;
  if (vpx_codec_encode(&impl.codec, impl.picture, time_ms, static_cast<unsigned long>(impl.step_ms),
                       key ? VPX_EFLAG_FORCE_KF : 0, VPX_DL_REALTIME) != VPX_CODEC_OK)
    fail("video: a frame cannot be encoded: {}", vpx_codec_error(&impl.codec));
  impl.collect();
}

std::size_t Video::frames() const { return impl_->encoded.size(); }

std::vector<std::uint8_t> Video::finish() {
  Impl& impl = *impl_;
  if (!impl.finished && impl.last_ms >= 0) {
    vpx_codec_encode(&impl.codec, nullptr, -1, 1, 0, VPX_DL_REALTIME);
    impl.collect();
  }
  impl.finished = true;
  if (impl.encoded.empty()) fail("video: it has no frames");
  return to_webm(impl.encoded, impl.options.width, impl.options.height, impl.last_ms + impl.step_ms);
}

}  // namespace bramble
