#include "bramble/serve/http_request.hpp"

#include <gtest/gtest.h>

namespace bramble {
namespace {

TEST(HttpRequest, ReadsTargets) {
  EXPECT_EQ(parse_target("/")->path, "/");
  EXPECT_FALSE(parse_target("/")->token);
  EXPECT_EQ(parse_target("/a%20b/c.js?x=1&token=s%2Be%63+ret&token=other")->path, "/a b/c.js");
  EXPECT_EQ(parse_target("/?x&token=s%2Be%63+ret&token=other")->token, "s+ec ret");
  EXPECT_EQ(parse_target("/?token=")->token, "");
  EXPECT_EQ(parse_target("/?token")->token, "");
  EXPECT_FALSE(parse_target("/?tokens=x")->token);
  for (const char* bad : {"", "index.html", "http://localhost/", "*", "/%", "/%4", "/%zz", "/a%00b", "/a\nb", "/?a=%1"})
    EXPECT_FALSE(parse_target(bad)) << bad;
  EXPECT_FALSE(parse_target("/" + std::string(4000, 'a')));
}

TEST(HttpRequest, ComparesTokens) {
  EXPECT_TRUE(same_token("secret", "secret"));
  EXPECT_TRUE(same_token("", ""));
  for (const char* bad : {"", "s", "secre", "secrets", "Secret", "secretsecret"})
    EXPECT_FALSE(same_token(bad, "secret"));
  EXPECT_FALSE(same_token("x", ""));
}

TEST(HttpRequest, KnowsThisMachine) {
  for (const char* host :
       {"localhost", "LOCALHOST:8765", "127.0.0.1", "127.0.0.1:80", "127.1.2.3:1", "[::1]", "[::1]:8765"})
    EXPECT_TRUE(is_loopback_host(host)) << host;
  for (const char* host :
       {"", "example.org", "127.0.0.1.example.org", "127.0.0", "127.0.0.1:80:80", "127.0.0.1:x", "[::2]", "[::1]x",
        "localhost.example.org", "128.0.0.1", "127.0.0.1111", "127..0.1", "[", "0.0.0.0"})
    EXPECT_FALSE(is_loopback_host(host)) << host;
}

TEST(HttpRequest, WithoutATokenOnlyThisMachineIsAdmitted) {
  AccessRules rules;
  EXPECT_EQ(admit(rules, {"localhost:8765", "", "", {}}, true), Admission::kAllowed);
  EXPECT_EQ(admit(rules, {"localhost:8765", "http://127.0.0.1:8765", "", {}}, true), Admission::kAllowed);
  EXPECT_EQ(admit(rules, {"localhost:8765", "https://app.foxglove.dev", "", {}}, true), Admission::kAllowed);
  // Foreign pages, and a foreign name that somebody pointed here.
  EXPECT_EQ(admit(rules, {"localhost:8765", "https://evil.example", "", {}}, true), Admission::kForbidden);
  EXPECT_EQ(admit(rules, {"localhost:8765", "null", "", {}}, true), Admission::kForbidden);
  EXPECT_EQ(admit(rules, {"localhost:8765", "https://app.foxglove.dev.evil.example", "", {}}, true),
            Admission::kForbidden);
  EXPECT_EQ(admit(rules, {"evil.example:8765", "", "", {}}, true), Admission::kForbidden);
  EXPECT_EQ(admit(rules, {"", "", "", {}}, false), Admission::kForbidden);
}

TEST(HttpRequest, WithATokenWhoShowsItIsAdmitted) {
  AccessRules rules;
  rules.token = "word";
  EXPECT_EQ(admit(rules, {"robot:8765", "https://other.example", "", "word"}, true), Admission::kAllowed);
  EXPECT_EQ(admit(rules, {"robot:8765", "", "bearer  word ", {}}, true), Admission::kAllowed);
  EXPECT_EQ(admit(rules, {"robot:8765", "", "Bearer wrong", "word"}, true), Admission::kUnauthorized);
  EXPECT_EQ(admit(rules, {"localhost", "", "", {}}, true), Admission::kUnauthorized);
  EXPECT_EQ(admit(rules, {"localhost", "", "Basic word", {}}, true), Admission::kUnauthorized);
  EXPECT_EQ(admit(rules, {"localhost", "", "", "words"}, false), Admission::kUnauthorized);
}

TEST(HttpRequest, ChoosesTheSubprotocol) {
  EXPECT_EQ(choose_subprotocol("foxglove.websocket.v1"), "foxglove.websocket.v1");
  EXPECT_EQ(choose_subprotocol("other, foxglove.sdk.v1 ,foxglove.websocket.v1"), "foxglove.sdk.v1");
  EXPECT_EQ(choose_subprotocol(""), "");
  EXPECT_EQ(choose_subprotocol(",, foxglove.websocket.v2,"), "");
}

TEST(HttpRequest, NamesTypes) {
  EXPECT_EQ(mime_type("/index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(mime_type("/app.js"), "text/javascript; charset=utf-8");
  EXPECT_EQ(mime_type("/unknown.xyz"), "application/octet-stream");
}

}  // namespace
}  // namespace bramble
