#pragma once
#include <Eigen/Core>
#include <cstdint>

#include "bramble/ontology/ontology.hpp"
#include "bramble/render/embree.hpp"

namespace bramble {

/// What Embree says of a ray's nearest hit.
struct Hit {
  unsigned geometry = RTC_INVALID_GEOMETRY_ID;  ///< RTC_INVALID_GEOMETRY_ID: nothing was hit
  unsigned primitive = 0;
  unsigned instance = RTC_INVALID_GEOMETRY_ID;
  float t = 0;  ///< approximate; Surface::distance is exact
  bool any() const { return geometry != RTC_INVALID_GEOMETRY_ID; }
};

/// A surface point found by a ray, before light falls on it.
struct Surface {
  float distance = 0;           ///< along the ray [m]
  Eigen::Vector3f position;     ///< M
  Eigen::Vector3f normal;       ///< unit, M, towards the viewer; with bumps
  Eigen::Vector3f flat_normal;  ///< unit, of the triangle, towards the viewer: where shadow rays start
  Eigen::Vector3f albedo;       ///< linear
  float translucency = 0;
  float sky_visibility = 1;  ///< 0…1: how much of the sky's light gets here
  float fineness = 0;        ///< 0…1: whether many blades or leaves share the pixel
  float gloss = 0;           ///< strength of the sun's highlight
  float film = 0;            ///< 0…1: how far a film of water mirrors the sky
  float trodden = 0;         ///< 0…1: where wheels go, snow does not stay
  bool water = false;
  ClassId class_id = kIgnoreId;
  std::uint32_t instance_id = 0;
};

}  // namespace bramble
