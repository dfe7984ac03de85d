#pragma once
#include <string>

namespace bramble {

/// Where and when: what the sun's place in the sky follows from.
struct PlaceAndTime {
  int year = 2026, month = 6, day = 21;
  double hour = 12;          ///< local clock, 0…24
  double utc_offset_h = 0;   ///< local minus UTC, east positive
  double latitude_deg = 45;  ///< north positive
  double longitude_deg = 0;  ///< east positive
};

struct SunPosition {
  double azimuth_deg;    ///< counter-clockwise from east (the map's x axis; y is north), -180…180
  double elevation_deg;  ///< apparent: lifted by refraction near the horizon
};

/// To about 0.02 degrees for the years 1950…2050. Source: Meeus, "Astronomical Algorithms" (1998), chapters 25 and 13,
/// low accuracy; refraction after Saemundsson (chapter 16).
SunPosition sun_position(const PlaceAndTime& when);

/// Reads «2026-06-21» and «15:30» into `when`; false when it is no date or time.
bool parse_date(const std::string& text, PlaceAndTime& when);
bool parse_time(const std::string& text, PlaceAndTime& when);

}  // namespace bramble
