#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

/// What a request's target says: «/app.js?token=T». Parts are percent-decoded.
struct HttpTarget {
  std::string path;
  std::optional<std::string> token;  ///< the first `token=` of the query
};
/// Nothing for a target that is not a path from the root (RFC 9112, origin-form), holds a broken escape, a control
/// character or NUL, or is longer than 2048 bytes.
std::optional<HttpTarget> parse_target(std::string_view target);

/// The headers that decide who may connect, as they came; empty: missing.
struct HttpCaller {
  std::string host, origin, authorization;
  std::optional<std::string> token;  ///< of the target
};

struct AccessRules {
  std::string token;                                                ///< empty: callers must come by a loopback name
  std::vector<std::string> origins = {"https://app.foxglove.dev"};  ///< web pages that may connect without a token
};

enum class Admission { kAllowed, kUnauthorized, kForbidden };

/// With a token: who shows it. Without: who came by a loopback name (so that no foreign name can be pointed at this
/// machine: DNS rebinding) and, if a browser says for which web page it asks, from a page that may. `web_page` false:
/// Origin is not looked at (plain GET, which a foreign page cannot read anyhow).
Admission admit(const AccessRules& rules, const HttpCaller& caller, bool web_page);

/// Whether the two are equal; the time it takes tells nothing but the length of `given`.
bool same_token(std::string_view given, std::string_view expected);
/// «127.0.0.1:8765», «localhost», «[::1]:8765»; not «127.0.0.1.example.org».
bool is_loopback_host(std::string_view host);
/// Whether an address to bind is reached from this machine only.
bool is_loopback_address(std::string_view address);

/// The first of a Sec-WebSocket-Protocol list that we speak; empty: none.
std::string choose_subprotocol(std::string_view offered);
/// By the file's extension; «application/octet-stream» for others.
std::string_view mime_type(std::string_view path);

}  // namespace bramble
