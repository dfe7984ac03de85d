#include "bramble/serve/http_request.hpp"

#include <algorithm>
#include <array>

#include "bramble/serve/foxglove_protocol.hpp"

namespace bramble {
namespace {

constexpr std::size_t kLongestTarget = 2048;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    result.push_back(c);
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

// «http://localhost:5173» → «localhost:5173»; empty for «null» and for what is no web page's origin.
std::string_view host_of_origin(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return origin.substr(scheme.size());
  return {};
}

}  // namespace

std::optional<HttpTarget> parse_target(std::string_view target) {
  if (target.empty() || target[0] != '/' || target.size() > kLongestTarget) return std::nullopt;
  const auto question = target.find('?');
  HttpTarget result;
  auto path = percent_decoded(target.substr(0, question), false);
  if (!path) return std::nullopt;
  result.path = std::move(*path);
  if (question == std::string_view::npos) return result;
  std::string_view query = target.substr(question + 1);
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const auto equals = pair.find('=');
    const auto key = percent_decoded(pair.substr(0, equals), true);
    const auto value =
        equals == std::string_view::npos ? std::string() : percent_decoded(pair.substr(equals + 1), true);
    if (!key || !value) return std::nullopt;
    if (*key == "token" && !result.token) result.token = *value;
  }
  return result;
}

bool same_token(std::string_view given, std::string_view expected) {
  unsigned difference = given.size() == expected.size() ? 0U : 1U;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const unsigned char other = expected.empty() ? 0 : static_cast<unsigned char>(expected[i % expected.size()]);
    difference |= static_cast<unsigned char>(given[i]) ^ unsigned { other };
  }
  return difference == 0;
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end != std::string_view::npos && host.substr(0, end + 1) == "[::1]" &&
           (end + 1 == host.size() || host[end + 1] == ':');
  }
  const auto colon = host.find(':');
  const std::string_view name = host.substr(0, colon);
  const std::string_view port = colon == std::string_view::npos ? std::string_view{} : host.substr(colon + 1);
  if (!std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  return same_ignoring_case(name, "localhost") || is_loopback_address(name);
}

bool is_loopback_address(std::string_view address) {
  if (address == "::1" || address == "localhost") return true;
  // 127.a.b.c, in plain decimal
  if (!address.starts_with("127.")) return false;
  int dots = 0, digits = 0;
  for (const char c : address) {
    if (c == '.') {
      if (digits == 0) return false;
      ++dots;
      digits = 0;
    } else if (c >= '0' && c <= '9' && digits < 3) {
      ++digits;
    } else {
      return false;
    }
  }
  return dots == 3 && digits > 0;
}

Admission admit(const AccessRules& rules, const HttpCaller& caller, bool web_page) {
  if (!rules.token.empty()) {
    constexpr std::string_view kBearer = "Bearer ";
    std::string_view shown;
    if (caller.authorization.size() > kBearer.size() &&
        same_ignoring_case(std::string_view(caller.authorization).substr(0, kBearer.size()), kBearer))
      shown = trimmed(std::string_view(caller.authorization).substr(kBearer.size()));
    else if (caller.token)
      shown = *caller.token;
    return same_token(shown, rules.token) ? Admission::kAllowed : Admission::kUnauthorized;
  }
  if (!is_loopback_host(caller.host)) return Admission::kForbidden;
  if (!web_page || caller.origin.empty() || is_loopback_host(host_of_origin(caller.origin))) return Admission::kAllowed;
  const bool listed = std::find(rules.origins.begin(), rules.origins.end(), caller.origin) != rules.origins.end();
  return listed ? Admission::kAllowed : Admission::kForbidden;
}

std::string choose_subprotocol(std::string_view offered) {
  while (!offered.empty()) {
    const auto comma = offered.find(',');
    const std::string_view name = trimmed(offered.substr(0, comma));
    offered = comma == std::string_view::npos ? std::string_view{} : offered.substr(comma + 1);
    if (std::find(foxglove::kSubprotocols.begin(), foxglove::kSubprotocols.end(), name) !=
        foxglove::kSubprotocols.end())
      return std::string(name);
  }
  return {};
}

std::string_view mime_type(std::string_view path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kTypes = {{
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".mjs", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".json", "application/json"},
      {".map", "application/json"},
      {".webmanifest", "application/manifest+json"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".jpg", "image/jpeg"},
      {".ico", "image/x-icon"},
      {".webp", "image/webp"},
      {".wasm", "application/wasm"},
      {".woff2", "font/woff2"},
      {".glb", "model/gltf-binary"},
      {".txt", "text/plain; charset=utf-8"},
  }};
  for (const auto& [extension, type] : kTypes)
    if (path.ends_with(extension)) return type;
  return "application/octet-stream";
}

}  // namespace bramble
