// Any bytes as a .bag file of ROS 1.
#include "bag_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_as_bag(data, size, ".bag");
  return 0;
}
