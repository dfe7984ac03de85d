#include "bramble/world/sun_position.hpp"

#include <cmath>
#include <cstdio>
#include <numbers>

namespace bramble {
namespace {

constexpr double kRad = std::numbers::pi / 180;

double turned(double degrees) { return degrees - 360 * std::floor(degrees / 360); }

// Days since 2000-01-01 12:00 UTC (Meeus, chapter 7, Gregorian calendar).
double days_since_2000(const PlaceAndTime& when) {
  int year = when.year, month = when.month;
  if (month <= 2) {
    --year;
    month += 12;
  }
  const int century = year / 100;
  return std::floor(365.25 * (year + 4716)) + std::floor(30.6001 * (month + 1)) + when.day + 2 - century +
         std::floor(century / 4.0) - 1524.5 - 2451545.0 + (when.hour - when.utc_offset_h) / 24;
}

}  // namespace

SunPosition sun_position(const PlaceAndTime& when) {
  const double d = days_since_2000(when), t = d / 36525;
  // 1. On the ecliptic, then on the celestial sphere.
  const double mean = 280.46646 + 36000.76983 * t, anomaly = (357.52911 + 35999.05029 * t) * kRad;
  const double centre = (1.914602 - 0.004817 * t) * std::sin(anomaly) + 0.019993 * std::sin(2 * anomaly) +
                        0.000289 * std::sin(3 * anomaly);
  const double node = (125.04 - 1934.136 * t) * kRad;
  const double longitude = (mean + centre - 0.00569 - 0.00478 * std::sin(node)) * kRad;
  const double tilt = (23.439291 - 0.0130042 * t + 0.00256 * std::cos(node)) * kRad;
  const double ascension = std::atan2(std::cos(tilt) * std::sin(longitude), std::cos(longitude));
  const double declination = std::asin(std::sin(tilt) * std::sin(longitude));
  // 2. Above the place's horizon.
  const double sidereal = turned(280.46061837 + 360.98564736629 * d) + when.longitude_deg;
  const double hour_angle = sidereal * kRad - ascension, latitude = when.latitude_deg * kRad;
  const double elevation = std::asin(std::sin(latitude) * std::sin(declination) +
                                     std::cos(latitude) * std::cos(declination) * std::cos(hour_angle)) /
                           kRad;
  const double east = -std::cos(declination) * std::sin(hour_angle);
  const double north =
      std::sin(declination) * std::cos(latitude) - std::cos(declination) * std::sin(latitude) * std::cos(hour_angle);
  const double refraction =
      elevation > -1.5 ? 1.02 / 60 / std::tan((elevation + 10.3 / (elevation + 5.11)) * kRad) : 0.0;
  return {std::atan2(north, east) / kRad, elevation + refraction};
}

bool parse_date(const std::string& text, PlaceAndTime& when) {
  int year = 0, month = 0, day = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 ||
      used != static_cast<int>(text.size()))
    return false;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  if (month < 1 || month > 12 || day < 1 || day > kDays[month - 1] + (leap && month == 2 ? 1 : 0)) return false;
  when.year = year;
  when.month = month;
  when.day = day;
  return true;
}

bool parse_time(const std::string& text, PlaceAndTime& when) {
  int hour = 0, minute = 0, used = 0;
  if (std::sscanf(text.c_str(), "%2d:%2d%n", &hour, &minute, &used) != 2 || used != static_cast<int>(text.size()) ||
      hour < 0 || hour > 24 || minute < 0 || minute > 59)
    return false;
  when.hour = hour + minute / 60.0;
  return true;
}

}  // namespace bramble
