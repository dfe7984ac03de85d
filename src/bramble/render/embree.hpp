#pragma once
// One face for Embree 3 and 4. Rays go in packets of W (4, 8 or 16); W = 1 is a single ray.
#if BRAMBLE_EMBREE_MAJOR >= 4
#include <embree4/rtcore.h>
#else
#include <embree3/rtcore.h>
#endif

namespace bramble {

template <int W>
struct RayPacket;

#define BRAMBLE_RAY_PACKET(W)    \
  template <>                    \
  struct RayPacket<W> {          \
    using Ray = RTCRay##W;       \
    using RayHit = RTCRayHit##W; \
  };                             \
  BRAMBLE_TRACE_FUNCTIONS(W)

#if BRAMBLE_EMBREE_MAJOR >= 4
#define BRAMBLE_TRACE_FUNCTIONS(W)                                                             \
  inline void intersect(const int* valid, RTCScene scene, RTCRayHit##W& rays, bool coherent) { \
    RTCIntersectArguments arguments;                                                           \
    rtcInitIntersectArguments(&arguments);                                                     \
    if (coherent) arguments.flags = RTC_RAY_QUERY_FLAG_COHERENT;                               \
    rtcIntersect##W(valid, scene, &rays, &arguments);                                          \
  }                                                                                            \
  inline void occluded(const int* valid, RTCScene scene, RTCRay##W& rays) {                    \
    RTCOccludedArguments arguments;                                                            \
    rtcInitOccludedArguments(&arguments);                                                      \
    rtcOccluded##W(valid, scene, &rays, &arguments);                                           \
  }
#else
// Shadow rays are never traced as coherent: rtcOccluded16 with the COHERENT flag hangs on mixed packets in 3.13.5.
#define BRAMBLE_TRACE_FUNCTIONS(W)                                                                          \
  inline void intersect(const int* valid, RTCScene scene, RTCRayHit##W& rays, bool coherent) {              \
    RTCIntersectContext context;                                                                            \
    rtcInitIntersectContext(&context);                                                                      \
    context.flags = coherent ? RTC_INTERSECT_CONTEXT_FLAG_COHERENT : RTC_INTERSECT_CONTEXT_FLAG_INCOHERENT; \
    rtcIntersect##W(valid, scene, &context, &rays);                                                         \
  }                                                                                                         \
  inline void occluded(const int* valid, RTCScene scene, RTCRay##W& rays) {                                 \
    RTCIntersectContext context;                                                                            \
    rtcInitIntersectContext(&context);                                                                      \
    context.flags = RTC_INTERSECT_CONTEXT_FLAG_INCOHERENT;                                                  \
    rtcOccluded##W(valid, scene, &context, &rays);                                                          \
  }
#endif

BRAMBLE_RAY_PACKET(4)
BRAMBLE_RAY_PACKET(8)
BRAMBLE_RAY_PACKET(16)
#undef BRAMBLE_RAY_PACKET
#undef BRAMBLE_TRACE_FUNCTIONS

inline void intersect_one(RTCScene scene, RTCRayHit& ray) {
#if BRAMBLE_EMBREE_MAJOR >= 4
  rtcIntersect1(scene, &ray);
#else
  RTCIntersectContext context;
  rtcInitIntersectContext(&context);
  rtcIntersect1(scene, &context, &ray);
#endif
}

}  // namespace bramble
