#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bramble/serve/http_request.hpp"
#include "bramble/serve/hub.hpp"

namespace bramble {

struct ServerOptions {
  std::string bind = "127.0.0.1";  ///< an address of this machine; any but a loopback one needs a token
  std::uint16_t port = 8765;       ///< 0: any that is free
  AccessRules access;
  std::filesystem::path page_folder;  ///< serves the page's files from here; empty: those in the binary
  std::size_t connections = 128;      ///< at once, in all
  std::string version = "0";
  std::string source = "sim";  ///< as GET /api/health says it

  /// Throws Error for an address that others reach and no token.
  void validate() const;
};

/// What the server has seen so far.
struct ServerCounts {
  std::uint64_t connections = 0, web_sockets = 0;
  std::uint64_t refused = 0;  ///< wrong or missing token, foreign page, too many, malformed
};

/// Serves a hub's clients: the page over HTTP and the Foxglove protocol over WebSockets, on one port
/// (docs/live_protocol.md), with one thread of its own.
class LiveServer {
 public:
  /// Takes the port, so that clients can connect from now on; they are served from start() on. Throws Error when the
  /// address cannot be bound, or is not a loopback one and there is no token. The hub must outlive the server.
  LiveServer(LiveHub& hub, ServerOptions options);
  ~LiveServer();
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  void start();
  /// Says goodbye to all clients and ends the thread.
  void stop();

  std::uint16_t port() const;
  /// «http://127.0.0.1:8765/», with the token if there is one.
  std::string url() const;
  ServerCounts counts() const;

  struct Impl;  // the sockets, in server.cpp

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace bramble
