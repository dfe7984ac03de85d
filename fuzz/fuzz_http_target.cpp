// Targets and headers of HTTP requests that decide who may connect. Input: lines target, host, origin, authorization,
// subprotocols.
#include <array>
#include <string>

#include "bramble/serve/http_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<std::string, 5> lines;
  std::size_t line = 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n' && line + 1 < lines.size())
      ++line;
    else
      lines[line].push_back(static_cast<char>(data[i]));
  }
  const auto target = bramble::parse_target(lines[0]);
  if (target && (target->path.empty() || target->path[0] != '/')) __builtin_trap();
  const bramble::HttpCaller caller{lines[1], lines[2], lines[3], target ? target->token : std::nullopt};
  bramble::AccessRules rules;
  const bool open = bramble::admit(rules, caller, true) == bramble::Admission::kAllowed;
  if (open && !bramble::is_loopback_host(caller.host)) __builtin_trap();
  rules.token = "a long word";
  const bool shown = lines[3].find(rules.token) != std::string::npos || (target && target->token == rules.token);
  if (bramble::admit(rules, caller, true) == bramble::Admission::kAllowed && !shown) __builtin_trap();
  (void)bramble::choose_subprotocol(lines[4]);
  if (target) (void)bramble::mime_type(target->path);
  return 0;
}
