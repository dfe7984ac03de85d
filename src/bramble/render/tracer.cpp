#include "bramble/render/tracer.hpp"

#include <algorithm>
#include <array>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

template <int W>
void fill(typename RayPacket<W>::Ray& rays, int i, const RayRequest& ray) {
  rays.org_x[i] = ray.origin.x();
  rays.org_y[i] = ray.origin.y();
  rays.org_z[i] = ray.origin.z();
  rays.dir_x[i] = ray.direction.x();
  rays.dir_y[i] = ray.direction.y();
  rays.dir_z[i] = ray.direction.z();
  rays.tnear[i] = 0;
  rays.tfar[i] = ray.length;
  rays.time[i] = 0;
  rays.mask[i] = ~0U;
  rays.id[i] = static_cast<unsigned>(i);
  rays.flags[i] = 0;
}

template <int W>
void nearest(RTCScene scene, const RayRequest* rays, Hit* hits, int count, bool coherent) {
  alignas(64) typename RayPacket<W>::RayHit packet;
  alignas(64) std::array<int, W> valid;
  for (int begin = 0; begin < count; begin += W) {
    const int in_packet = std::min(W, count - begin);
    for (int i = 0; i < W; ++i) {
      valid[i] = i < in_packet ? -1 : 0;
      fill<W>(packet.ray, i, rays[begin + std::min(i, in_packet - 1)]);
      packet.hit.geomID[i] = RTC_INVALID_GEOMETRY_ID;
      packet.hit.instID[0][i] = RTC_INVALID_GEOMETRY_ID;
    }
    intersect(valid.data(), scene, packet, coherent);
    for (int i = 0; i < in_packet; ++i)
      hits[begin + i] = {packet.hit.geomID[i], packet.hit.primID[i], packet.hit.instID[0][i], packet.ray.tfar[i]};
  }
}

template <int W>
void shadows(RTCScene scene, const RayRequest* rays, bool* blocked, int count) {
  alignas(64) typename RayPacket<W>::Ray packet;
  alignas(64) std::array<int, W> valid;
  for (int begin = 0; begin < count; begin += W) {
    const int in_packet = std::min(W, count - begin);
    for (int i = 0; i < W; ++i) {
      valid[i] = i < in_packet ? -1 : 0;
      fill<W>(packet, i, rays[begin + std::min(i, in_packet - 1)]);
    }
    occluded(valid.data(), scene, packet);
    for (int i = 0; i < in_packet; ++i) blocked[begin + i] = blocked[begin + i] || packet.tfar[i] < 0;
  }
}

int widest(RTCDevice device) {
  const auto native = [&](RTCDeviceProperty property) { return rtcGetDeviceProperty(device, property) != 0; };
  if (native(RTC_DEVICE_PROPERTY_NATIVE_RAY16_SUPPORTED)) return 16;
  if (native(RTC_DEVICE_PROPERTY_NATIVE_RAY8_SUPPORTED)) return 8;
  return 4;
}

}  // namespace

Tracer::Tracer(RTCDevice device, int packet_width) : packet_width_(packet_width > 0 ? packet_width : widest(device)) {
  switch (packet_width_) {
    case 4:
      nearest_ = bramble::nearest<4>;
      shadows_ = bramble::shadows<4>;
      return;
    case 8:
      nearest_ = bramble::nearest<8>;
      shadows_ = bramble::shadows<8>;
      return;
    case 16:
      nearest_ = bramble::nearest<16>;
      shadows_ = bramble::shadows<16>;
      return;
    default:
      fail("a packet of {} rays cannot be traced; packet_width is 4, 8, 16, or 0 for the processor's own",
           packet_width);
  }
}

}  // namespace bramble
