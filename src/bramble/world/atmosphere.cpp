#include "bramble/world/atmosphere.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bramble/core/parallel.hpp"

namespace bramble {
namespace {

using Eigen::Array3d;

constexpr double kPi = std::numbers::pi;
constexpr double kGround = 6'360'000, kTop = 6'460'000;  // radii [m]
constexpr double kRayleighScale = 8000, kMieScale = 1200;
constexpr double kMieAsymmetry = 0.76;
constexpr int kHeights = 24, kSines = 64;

// At 680, 550 and 440 nm, per metre.
const Array3d kRayleigh(5.802e-6, 13.558e-6, 33.1e-6), kOzone(0.650e-6, 1.881e-6, 0.085e-6);
// What the daylight balance of a camera leaves of the sun's colour: the inverse of a clear noon's transmittance.
const Array3d kBalance(1.0 / 0.90, 1.0 / 0.86, 1.0 / 0.79);

double rayleigh_phase(double cosine) { return 3 / (16 * kPi) * (1 + cosine * cosine); }
double mie_phase(double cosine) {
  constexpr double g = kMieAsymmetry;
  return 3 / (8 * kPi) * (1 - g * g) / (2 + g * g) * (1 + cosine * cosine) / std::pow(1 + g * g - 2 * g * cosine, 1.5);
}

// Along a ray from a radius with the sine of its elevation: to the top of the air, and to the ground (< 0: never).
double to_top(double radius, double sine) {
  return -radius * sine + std::sqrt(std::max(0.0, radius * radius * (sine * sine - 1) + kTop * kTop));
}
double to_ground(double radius, double sine) {
  const double under = radius * radius * (sine * sine - 1) + kGround * kGround;
  return sine >= 0 || under < 0 ? -1 : -radius * sine - std::sqrt(under);
}

// Tables are finest at the ground and at the horizon.
double height_of(double t) { return t * t * (kTop - kGround); }
double place_of_height(double height) { return std::sqrt(std::clamp(height / (kTop - kGround), 0.0, 1.0)); }
double sine_of(double t) {
  const double x = 2 * t - 1;
  return std::copysign(x * x, x);
}
double place_of_sine(double sine) { return 0.5 + 0.5 * std::copysign(std::sqrt(std::abs(sine)), sine); }

Array3d interpolated(const std::vector<Array3d>& table, double height, double sine) {
  const double h = place_of_height(height) * (kHeights - 1),
               s = std::clamp(place_of_sine(sine), 0.0, 1.0) * (kSines - 1);
  const int h0 = std::min(static_cast<int>(h), kHeights - 2), s0 = std::min(static_cast<int>(s), kSines - 2);
  const double wh = h - h0, ws = s - s0;
  const auto at = [&](int a, int b) -> const Array3d& { return table[static_cast<std::size_t>(a * kSines + b)]; };
  return (1 - wh) * ((1 - ws) * at(h0, s0) + ws * at(h0, s0 + 1)) +
         wh * ((1 - ws) * at(h0 + 1, s0) + ws * at(h0 + 1, s0 + 1));
}

}  // namespace

Atmosphere::Atmosphere(double turbidity) {
  // Haze of Angstrom's exponent 1.3; an aerosol depth of 0.1 makes a turbidity of 2. It absorbs 8 %.
  const double depth = 0.1 * std::max(0.0, turbidity - 1);
  mie_extinction_ = depth / kMieScale * Array3d(0.759, 1.0, 1.337);
  mie_scattering_ = 0.92 * mie_extinction_;
  transmittance_.resize(kHeights * kSines);
  multiple_scattering_.resize(kHeights * kSines);
  const auto fill = [&](std::vector<Array3d>& table, const auto& value) {
    parallel_for(kHeights, [&](std::size_t h) {
      for (int s = 0; s < kSines; ++s)
        table[h * kSines + static_cast<std::size_t>(s)] =
            value(height_of(static_cast<double>(h) / (kHeights - 1)), sine_of(static_cast<double>(s) / (kSines - 1)));
    });
  };
  fill(transmittance_, [&](double height, double sine) { return integrated_transmittance(height, sine); });
  fill(multiple_scattering_, [&](double height, double sine) { return integrated_multiple_scattering(height, sine); });
}

Atmosphere::Medium Atmosphere::at_height(double height_m) const {
  const double air = std::exp(-height_m / kRayleighScale), haze = std::exp(-height_m / kMieScale);
  const double ozone = std::max(0.0, 1 - std::abs(height_m - 25'000) / 15'000);
  Medium medium;
  medium.rayleigh = kRayleigh * air;
  medium.mie = mie_scattering_ * haze;
  medium.extinction = medium.rayleigh + mie_extinction_ * haze + kOzone * ozone;
  return medium;
}

Array3d Atmosphere::integrated_transmittance(double height_m, double sine) const {
  const double radius = kGround + height_m;
  if (to_ground(radius, sine) > 0 && sine < -1e-6) return Array3d::Zero();
  constexpr int kSteps = 64;
  const double length = to_top(radius, sine);
  Array3d depth = Array3d::Zero();
  for (int i = 0; i < kSteps; ++i) {
    // Steps grow with the distance: the air is densest here.
    const double a = static_cast<double>(i) / kSteps, b = static_cast<double>(i + 1) / kSteps;
    const double from = length * a * a, to = length * b * b, t = 0.5 * (from + to);
    const double r = std::sqrt(radius * radius + t * t + 2 * radius * t * sine);
    depth += at_height(std::max(0.0, r - kGround)).extinction * (to - from);
  }
  return (-depth).exp();
}

Array3d Atmosphere::transmittance(double height_m, double sine) const {
  return interpolated(transmittance_, height_m, sine);
}

Array3d Atmosphere::multiple_scattering(double height_m, double sine_sun) const {
  return interpolated(multiple_scattering_, height_m, sine_sun);
}

// Hillaire's closed series: light scattered twice or more arrives alike from everywhere. One step of it is gathered
// over the sphere (L), as is the share of light that a step hands on (f); the sum of all steps is L / (1 - f).
Array3d Atmosphere::integrated_multiple_scattering(double height_m, double sine_sun) const {
  constexpr int kDirections = 64, kSteps = 20;
  constexpr double kAlbedo = 0.25;  // of the ground
  const double radius = kGround + std::max(height_m, 1.0);
  const Eigen::Vector3d sun(std::sqrt(std::max(0.0, 1 - sine_sun * sine_sun)), 0, sine_sun);
  Array3d light = Array3d::Zero(), handed_on = Array3d::Zero();
  for (int i = 0; i < kDirections; ++i) {
    const double z = 1 - (2 * i + 1.0) / kDirections, azimuth = i * kPi * (3 - std::sqrt(5.0));
    const double across = std::sqrt(1 - z * z);
    const Eigen::Vector3d view(across * std::cos(azimuth), across * std::sin(azimuth), z);
    const double ground = to_ground(radius, z), length = ground > 0 ? ground : to_top(radius, z);
    Array3d through = Array3d::Ones();
    for (int k = 0; k < kSteps; ++k) {
      const double step = length / kSteps, t = (k + 0.5) * step;
      const Eigen::Vector3d place = Eigen::Vector3d(0, 0, radius) + t * view;
      const double r = place.norm(), height = std::max(0.0, r - kGround);
      const Medium medium = at_height(height);
      const Array3d pass = (-medium.extinction * step).exp();
      const Array3d scattering = medium.rayleigh + medium.mie;
      const Array3d weight = through * (1 - pass) / medium.extinction.max(1e-12);
      light += weight * scattering * transmittance(height, place.dot(sun) / r) / (4 * kPi);
      handed_on += weight * scattering / (4 * kPi) * (4 * kPi / kDirections);
      through *= pass;
    }
    if (ground > 0) {
      const Eigen::Vector3d up = (Eigen::Vector3d(0, 0, radius) + length * view).normalized();
      const double cosine = up.dot(sun);
      if (cosine > 0) light += through * transmittance(0, cosine) * cosine * kAlbedo / kPi;
    }
  }
  return light / kDirections / (1 - handed_on.min(0.99));
}

Eigen::Vector3f Atmosphere::sun_at_ground(double sine_elevation) const {
  if (sine_elevation <= 0) return Eigen::Vector3f::Zero();
  return (kBalance * transmittance(0, sine_elevation)).matrix().cast<float>();
}

Eigen::Vector3f Atmosphere::sky(const Eigen::Vector3d& view, const Eigen::Vector3d& sun) const {
  constexpr int kSteps = 40;
  const double radius = kGround + 2, sine = std::max(view.z(), 0.0), length = to_top(radius, sine);
  const double cosine = view.dot(sun), rayleigh = rayleigh_phase(cosine), mie = mie_phase(cosine);
  Array3d light = Array3d::Zero(), through = Array3d::Ones();
  for (int i = 0; i < kSteps; ++i) {
    const double a = static_cast<double>(i) / kSteps, b = static_cast<double>(i + 1) / kSteps;
    const double from = length * a * a, to = length * b * b, t = 0.5 * (from + to);
    const Eigen::Vector3d place = Eigen::Vector3d(0, 0, radius) + t * view;
    const double r = place.norm(), height = std::max(0.0, r - kGround), sine_sun = place.dot(sun) / r;
    const Medium medium = at_height(height);
    const Array3d pass = (-medium.extinction * (to - from)).exp();
    const Array3d weight = through * (1 - pass) / medium.extinction.max(1e-12);
    light += weight * ((medium.rayleigh * rayleigh + medium.mie * mie) * transmittance(height, sine_sun) +
                       (medium.rayleigh + medium.mie) * multiple_scattering(height, sine_sun));
    through *= pass;
  }
  return (kPi * kBalance * light).matrix().cast<float>();
}

}  // namespace bramble
