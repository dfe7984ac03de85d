// Any bytes as a .db3 file, read strictly, with recovery, and by the check; or, when they begin as a zstd frame does,
// as a packed message.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "bramble/bag/bag_check.hpp"
#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/zstd.hpp"
#include "bramble/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  if (size >= 4 && is_zstd({data, size})) {
    try {
      (void)unpack_zstd({data, size});
    } catch (const Error&) {
    }
    return 0;
  }
  static const std::filesystem::path file =
      std::filesystem::path(std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") /
      ("bramble_fuzz_" + std::to_string(::getpid()) + ".db3");
  static const int registered = std::atexit([] {
    std::error_code error;
    std::filesystem::remove(file, error);
  });
  (void)registered;
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  for (const Damage damage : {Damage::kRefuse, Damage::kRecover}) try {
      BagReader reader(file, {}, damage);
      for (int count = 0; count < 1000 && reader.next(); ++count) {
      }
    } catch (const Error&) {
    }
  try {
    (void)check_bag(file);
  } catch (const Error&) {
  }
  return 0;
}
