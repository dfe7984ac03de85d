#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace bramble {

/// Every failure a user can cause. The message is one line: what was wrong, with which value, where, and what to
/// do about it. The command line prints it as it stands and exits with status 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Error with a formatted message.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Thrown out of a long job when the user asked it to stop (Ctrl-C); what was done so far is kept and resumable.
class Interrupted : public Error {
 public:
  using Error::Error;
};

}  // namespace bramble
