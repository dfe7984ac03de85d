// Any bytes as metadata.yaml. What is read must be writable, and say the same when read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bramble/bag/metadata.hpp"
#include "bramble/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  try {
    auto bag = parse_bag_metadata(std::string(reinterpret_cast<const char*>(data), size), "metadata.yaml");
    bag.version = bag.version >= 9 ? 9 : 5;
    const auto written = bag_metadata_yaml(bag);
    const auto again = parse_bag_metadata(written, "written");
    if (bag_metadata_yaml(again) != written) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
