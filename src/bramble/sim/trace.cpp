#include "bramble/sim/trace.hpp"

#include <charconv>
#include <cmath>
#include <sstream>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"

namespace bramble {
namespace {

constexpr const char* kHeader = "frame,throttle,steer,brake,hand_brake,reverse,x_m,y_m,yaw_rad,speed_mps";
constexpr std::size_t kColumns = 10;

// Reads numbers from a piece of text, remembering where it stands for messages.
double number(const std::string& text, const std::string& where, const std::string& what, double low, double high) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    fail("{}: {} is '{}', which is no number", where, what, text);
  if (!(value >= low && value <= high)) fail("{}: {} is {}; it must lie in [{}, {}]", where, what, value, low, high);
  return value;
}

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = line.find(separator, begin);
    parts.push_back(line.substr(begin, end == std::string::npos ? end : end - begin));
  }
  return parts;
}

void read_comment(const std::string& line, const std::string& where, Trace& trace) {
  const std::size_t colon = line.find(": ");
  if (colon == std::string::npos) return;
  const std::string key = line.substr(2, colon - 2);
  const std::string value = line.substr(colon + 2);
  if (key == "trace" && value != "1") fail("{}: trace version {} is not 1, the only one there is", where, value);
  if (key == "scenario") trace.scenario = value;
  if (key == "driver") trace.driver = value;
  if (key == "seed") {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), trace.seed);
    if (error != std::errc{}) fail("{}: seed is '{}', which is no number", where, value);
  }
  if (key == "start") {
    const auto parts = split(value, ' ');
    if (parts.size() != 3) fail("{}: start needs x, y and yaw, not '{}'", where, value);
    trace.start_x_m = number(parts[0], where, "start x", -1e6, 1e6);
    trace.start_y_m = number(parts[1], where, "start y", -1e6, 1e6);
    trace.start_yaw_rad = number(parts[2], where, "start yaw", -10, 10);
  }
}

}  // namespace

double quantized(double value) { return std::round(value * 1e4) / 1e4 + 0.0; }  // + 0: no negative zero

VehicleControl quantized(const VehicleControl& control) {
  VehicleControl result = control;
  result.throttle = quantized(control.throttle);
  result.steer = quantized(control.steer);
  result.brake = quantized(control.brake);
  return result;
}

Trace Trace::load(const std::filesystem::path& file) { return parse(read_text_file(file), file.string()); }

Trace Trace::parse(const std::string& text, const std::string& name) {
  Trace trace;
  std::istringstream lines(text);
  std::string line;
  bool header = false;
  bool start = false;
  for (int number_of_line = 1; std::getline(lines, line); ++number_of_line) {
    const std::string where = fmt::format("{}:{}", name, number_of_line);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (line.starts_with("# ")) {
      read_comment(line, where, trace);
      start = start || line.starts_with("# start: ");
      continue;
    }
    if (!header) {
      if (line != kHeader) fail("{}: expected the header '{}', found '{}'", where, kHeader, line.substr(0, 80));
      header = true;
      continue;
    }
    const auto cells = split(line, ',');
    if (cells.size() != kColumns) fail("{}: expected {} columns, found {}", where, kColumns, cells.size());
    const auto frame = number(cells[0], where, "frame", 0, 1e9);
    if (frame != static_cast<double>(trace.rows.size()))
      fail("{}: expected frame {}, found {}; frames count from 0 without a gap", where, trace.rows.size(), cells[0]);
    Row row;
    row.control.throttle = number(cells[1], where, "throttle", 0, 1);
    row.control.steer = number(cells[2], where, "steer", -1, 1);
    row.control.brake = number(cells[3], where, "brake", 0, 1);
    row.control.hand_brake = number(cells[4], where, "hand_brake", 0, 1) != 0;
    row.control.reverse = number(cells[5], where, "reverse", 0, 1) != 0;
    row.x_m = number(cells[6], where, "x_m", -1e6, 1e6);
    row.y_m = number(cells[7], where, "y_m", -1e6, 1e6);
    row.yaw_rad = number(cells[8], where, "yaw_rad", -10, 10);
    row.speed_mps = number(cells[9], where, "speed_mps", -100, 100);
    trace.rows.push_back(row);
  }
  if (!header) fail("{}: no trace: the header '{}' is missing", name, kHeader);
  if (!start) fail("{}: the line '# start: X Y YAW' is missing", name);
  if (trace.rows.size() < 2) fail("{}: a trace needs at least 2 frames, this one has {}", name, trace.rows.size());
  return trace;
}

std::string Trace::to_csv() const {
  std::string text = fmt::format("# trace: 1\n# scenario: {}\n# seed: {}\n# driver: {}\n# start: {} {} {}\n{}\n",
                                 scenario, seed, driver, start_x_m, start_y_m, start_yaw_rad, kHeader);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& r = rows[i];
    text += fmt::format("{},{},{},{},{:d},{:d},{},{},{},{}\n", i, r.control.throttle, r.control.steer, r.control.brake,
                        r.control.hand_brake, r.control.reverse, r.x_m, r.y_m, r.yaw_rad, r.speed_mps);
  }
  return text;
}

}  // namespace bramble
