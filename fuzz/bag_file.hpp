#pragma once
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "bramble/bag/bag_check.hpp"
#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"

/// Bytes as a bag's file in memory, read strictly, with recovery, and by the check. What recovery gives must be
/// payloads of a bag: each has CDR's header.
inline void read_as_bag(const std::uint8_t* data, std::size_t size, const std::string& ending) {
  using namespace bramble;
  static const std::filesystem::path file =
      std::filesystem::path(std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") /
      ("bramble_fuzz_" + std::to_string(::getpid()) + ending);
  static const int registered = std::atexit([] {
    std::error_code error;
    std::filesystem::remove(file, error);
  });
  (void)registered;
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  for (const Damage damage : {Damage::kRefuse, Damage::kRecover}) try {
      BagReader reader(file, {}, damage);
      for (int count = 0; count < 1000; ++count) {
        const auto message = reader.next();
        if (!message) break;
        if (!message->cdr || message->topic.name.size() > size) std::abort();
      }
    } catch (const Error&) {
    }
  try {
    (void)check_bag(file);
  } catch (const Error&) {
  }
}
