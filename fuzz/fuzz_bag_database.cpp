// Any bytes as a .db3 file; or, when they begin as a zstd frame does, as a packed message.
#include "bag_file.hpp"
#include "bramble/bag/zstd.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  if (size >= 4 && is_zstd({data, size})) {
    try {
      (void)unpack_zstd({data, size});
    } catch (const Error&) {
    }
    return 0;
  }
  read_as_bag(data, size, ".db3");
  return 0;
}
