// Any bytes as an .mcap file.
#include "bag_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_as_bag(data, size, ".mcap");
  return 0;
}
