#include "bramble/core/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bramble/core/error.hpp"

namespace bramble {
namespace fs = std::filesystem;

std::vector<std::uint8_t> read_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("cannot open {}: {}", path.string(), std::strerror(errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
    ::close(fd);
    fail("cannot read {}: it is not a regular file", path.string());
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(info.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (done != bytes.size()) fail("cannot read {}: got {} of {} bytes", path.string(), done, bytes.size());
  return bytes;
}

std::string read_text_file(const fs::path& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

void write_file_atomically(const fs::path& path, std::span<const std::uint8_t> bytes) {
  if (path.has_parent_path()) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail("cannot create folder {}: {}", path.parent_path().string(), error.message());
  }
  const fs::path beside = path.string() + ".partial";
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) fail("cannot write {}: {}", path.string(), std::strerror(errno));
  std::size_t done = 0;
  int failure = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      failure = errno;
      break;
    }
    done += static_cast<std::size_t>(put);
  }
  if (::close(fd) != 0 && failure == 0) failure = errno;
  if (failure == 0 && std::rename(beside.c_str(), path.c_str()) != 0) failure = errno;
  if (failure != 0) {
    ::unlink(beside.c_str());
    fail("cannot write {}: {}{}", path.string(), std::strerror(failure),
         failure == ENOSPC ? "; free some space or choose another output folder" : "");
  }
}

void write_file_atomically(const fs::path& path, std::string_view text) {
  write_file_atomically(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void require_free_space(const fs::path& path, std::uint64_t bytes, std::string_view purpose) {
  fs::path probe = fs::absolute(path);
  std::error_code error;
  while (!probe.empty() && !fs::exists(probe, error) && probe != probe.parent_path()) probe = probe.parent_path();
  const auto space = fs::space(probe, error);
  if (error || space.available >= bytes) return;
  fail("not enough disk space for {}: {} needs about {:.1f} GB, {:.1f} GB are free; choose another output folder",
       purpose, path.string(), static_cast<double>(bytes) * 1e-9, static_cast<double>(space.available) * 1e-9);
}

}  // namespace bramble
