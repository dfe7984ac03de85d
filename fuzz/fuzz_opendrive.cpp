// Any bytes as an .xodr file and as waypoints. A road that is read must be writable, and say the same when read again;
// a path made of it must have points about 0.5 m apart.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bramble/core/error.hpp"
#include "bramble/world/opendrive.hpp"
#include "bramble/world/road_file.hpp"

namespace {

void check(const bramble::Path& path) {
  if (path.points.size() < 3) std::abort();
  for (std::size_t i = 1; i < path.points.size(); ++i)
    if (!path.points[i].allFinite() || !((path.points[i] - path.points[i - 1]).head<2>().norm() < 1)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const OpenDrive drive = parse_opendrive(text, "fuzz.xodr");
    const std::string written = opendrive_xml(drive);
    if (opendrive_xml(parse_opendrive(written, "written.xodr")) != written) std::abort();
    double length_m = 0;
    for (const Road& road : drive.roads) length_m += road.length_m();
    if (length_m < 500) {  // longer ones only take longer
      const Path path = parse_opendrive_path(text, "fuzz.xodr").path;
      check(path);
      try {
        parse_opendrive(opendrive_xml(opendrive_of(path, "fuzz", 6)), "path.xodr");
      } catch (const Error&) {
        std::abort();
      }
    }
  } catch (const Error&) {
  }
  try {
    check(parse_waypoints(text, "fuzz.json").path);
  } catch (const Error&) {
  }
  return 0;
}
