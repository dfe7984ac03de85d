#include "bramble/serve/server.hpp"

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <set>
#include <thread>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/log.hpp"
#include "bramble/serve/page_files.hpp"

namespace bramble {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
namespace websocket = beast::websocket;
using tcp = net::ip::tcp;
using boost::system::error_code;

namespace {

using Request = http::request<http::empty_body>;
using Response = http::response<http::vector_body<std::uint8_t>>;

constexpr std::uint32_t kHeaderLimit = 8 << 10;
constexpr std::size_t kMessageLimit = 64 << 10;
constexpr int kSendBuffer = 256 << 10;
constexpr std::size_t kMostDrained = 1 << 20;
constexpr auto kRequestTime = std::chrono::seconds(10);
constexpr auto kSilence = std::chrono::seconds(30);  // of a WebSocket; it is pinged after half of it
constexpr auto kDrainTime = std::chrono::seconds(1);
constexpr auto kGoodbyeTime = std::chrono::milliseconds(300);

constexpr const char* kContentSecurityPolicy =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: "
    "data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action "
    "'none'";

std::string to_string(beast::string_view text) { return {text.data(), text.size()}; }

void add_security_headers(http::fields& fields) {
  fields.set(http::field::server, "Bramble");
  fields.set("Content-Security-Policy", kContentSecurityPolicy);
  fields.set("X-Content-Type-Options", "nosniff");
  fields.set("Referrer-Policy", "no-referrer");
  fields.set("Cross-Origin-Resource-Policy", "same-origin");
  fields.set("Cross-Origin-Opener-Policy", "same-origin");
}

Response plain(http::status status, const std::string& text) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  const std::string line = text + "\n";
  response.body().assign(line.begin(), line.end());
  return response;
}

// Something that holds a socket: cut off when the server ends.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void go_away() = 0;
  virtual void cut() = 0;
};

}  // namespace

struct LiveServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(LiveHub& hub_, ServerOptions options_) : hub(hub_), options(std::move(options_)), acceptor(io), pause(io) {}

  LiveHub& hub;
  const ServerOptions options;
  net::io_context io{1};
  tcp::acceptor acceptor;
  net::steady_timer pause;  // before accepting again after an error
  std::thread thread;
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> connections = 0, web_sockets = 0, refused = 0;
  // Of the network's thread alone:
  std::set<Connection*> open;
  std::size_t clients = 0;
  std::chrono::steady_clock::time_point warned{};
  std::uint64_t not_warned = 0;
  bool ending = false;

  void accept();
  Response answer(const Request& request, const tcp::endpoint& peer);
  Response file_answer(const HttpTarget& target, const Request& request);

  // A flood of wrong requests must not become a flood of lines.
  void refuse(const tcp::endpoint& peer, const std::string& why) {
    ++refused;
    const auto now = std::chrono::steady_clock::now();
    if (now - warned < std::chrono::seconds(1)) {
      ++not_warned;
      return;
    }
    warned = now;
    spdlog::warn("refused {}: {}{}", peer.address().to_string(), why,
                 not_warned > 0 ? fmt::format(" ({} more before)", not_warned) : "");
    not_warned = 0;
  }
};

// One client of the Foxglove protocol. Reads one message at a time and writes one at a time; what waits is the hub's.
class WebSocketSession final : public Connection, public std::enable_shared_from_this<WebSocketSession> {
 public:
  WebSocketSession(std::shared_ptr<LiveServer::Impl> server, beast::tcp_stream stream)
      : server_(std::move(server)), socket_(std::move(stream)) {
    error_code ignored;
    peer_ = beast::get_lowest_layer(socket_).socket().remote_endpoint(ignored);
    server_->open.insert(this);
    ++server_->clients;
  }
  ~WebSocketSession() override {
    if (client_ != 0) server_->hub.disconnect(client_);
    server_->open.erase(this);
    --server_->clients;
  }

  void run(const Request& request, const std::string& subprotocol) {
    beast::get_lowest_layer(socket_).expires_never();  // the WebSocket keeps time itself
    socket_.set_option(websocket::stream_base::timeout{kRequestTime, kSilence, true});
    socket_.set_option(websocket::stream_base::decorator([subprotocol](websocket::response_type& response) {
      add_security_headers(response);
      response.set(http::field::sec_websocket_protocol, subprotocol);
    }));
    socket_.read_message_max(kMessageLimit);
    socket_.auto_fragment(false);
    error_code ignored;
    beast::get_lowest_layer(socket_).socket().set_option(tcp::no_delay(true), ignored);
    // What lies in the system's buffer can no longer be replaced by something newer.
    beast::get_lowest_layer(socket_).socket().set_option(net::socket_base::send_buffer_size(kSendBuffer), ignored);
    socket_.async_accept(request, [self = shared_from_this()](error_code error) {
      if (!error) self->greet();
    });
  }

  void go_away() override {
    if (client_ != 0)
      close(websocket::close_code::going_away, "the server ends");
    else
      cut();
  }
  void cut() override { beast::get_lowest_layer(socket_).close(); }

 private:
  void greet() {
    if (server_->ending) return;
    const auto client = server_->hub.connect([weak = weak_from_this(), &io = server_->io] {
      net::post(io, [weak] {
        if (const auto self = weak.lock()) self->write();
      });
    });
    if (!client) return close(websocket::close_code::try_again_later, "too many clients");
    client_ = *client;
    ++server_->web_sockets;
    spdlog::debug("client {} from {}", client_, peer_.address().to_string());
    read();
  }

  void read() {
    socket_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) { self->take(error); });
  }

  void take(error_code error) {
    if (error) {
      if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow)
        server_->refuse(peer_, "a WebSocket message over 64 KiB");
      else if (error != websocket::error::closed && error != net::error::operation_aborted)
        spdlog::debug("client {}: {}", client_, error.message());
      return;  // the last reference goes, and the session with it
    }
    const auto data = buffer_.cdata();
    const auto* first = static_cast<const std::uint8_t*>(data.data());
    const Verdict verdict = socket_.got_text()
                                ? server_->hub.take_text(client_, {reinterpret_cast<const char*>(first), data.size()})
                                : server_->hub.take_binary(client_, {first, data.size()});
    buffer_.consume(buffer_.size());
    if (verdict.close_code != 0) {
      server_->refuse(peer_, verdict.reason);
      return close(static_cast<websocket::close_code>(verdict.close_code), verdict.reason);
    }
    read();
  }

  void write() {
    if (writing_ || closing_) return;
    if (server_->hub.overrun(client_)) {
      server_->refuse(peer_, "a client that does not read what it is sent");
      beast::get_lowest_layer(socket_).close();
      return;
    }
    auto next = server_->hub.next(client_);
    if (!next) return;
    writing_ = true;
    outgoing_ = std::move(*next);
    socket_.text(outgoing_.text);
    const std::array<net::const_buffer, 2> buffers = {
        net::buffer(outgoing_.head),
        outgoing_.body ? net::const_buffer(outgoing_.body->data(), outgoing_.body->size()) : net::const_buffer()};
    socket_.async_write(buffers, [self = shared_from_this()](error_code error, std::size_t) {
      self->writing_ = false;
      self->outgoing_ = {};
      if (!error) self->write();
    });
  }

  void close(websocket::close_code code, const std::string& reason) {
    if (std::exchange(closing_, true)) return;
    // A client that does not answer is cut off by the WebSocket's own time limit.
    socket_.async_close({code, reason}, [self = shared_from_this()](error_code) {});
  }

  std::shared_ptr<LiveServer::Impl> server_;
  websocket::stream<beast::tcp_stream> socket_;
  tcp::endpoint peer_;
  ClientId client_ = 0;
  beast::flat_buffer buffer_;  // read_message_max bounds it
  Outgoing outgoing_;
  bool writing_ = false;
  bool closing_ = false;
};

// A connection that speaks HTTP, until it upgrades.
class HttpSession final : public Connection, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<LiveServer::Impl> server, tcp::socket socket)
      : server_(std::move(server)), stream_(std::move(socket)) {
    error_code ignored;
    peer_ = stream_.socket().remote_endpoint(ignored);
    server_->open.insert(this);
  }
  ~HttpSession() override { server_->open.erase(this); }
  void go_away() override { cut(); }
  void cut() override { stream_.close(); }

  void run() { read(); }

 private:
  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(0);
    stream_.expires_after(kRequestTime);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) { self->take(error); });
  }

  void take(error_code error) {
    if (error == http::error::end_of_stream || error == beast::error::timeout || error == net::error::eof ||
        error == net::error::operation_aborted || error == net::error::connection_reset)
      return shut();
    if (error) {
      const auto status = error == http::error::header_limit || error == http::error::buffer_overflow
                              ? http::status::request_header_fields_too_large
                          : error == http::error::body_limit || error == http::error::unexpected_body
                              ? http::status::payload_too_large
                              : http::status::bad_request;
      server_->refuse(peer_, fmt::format("a request that is not HTTP as it should be ({})", error.message()));
      return send(plain(status, "This request cannot be read."), false);
    }
    const Request& request = parser_->get();
    if (websocket::is_upgrade(request)) return upgrade(request);
    const bool keep = request.keep_alive();
    Response response = server_->answer(request, peer_);
    if (request.method() == http::verb::head) {
      response.content_length(response.body().size());
      response.body().clear();
      head_only_ = true;
    }
    send(std::move(response), keep);
  }

  void upgrade(const Request& request) {
    const auto target = parse_target({request.target().data(), request.target().size()});
    if (!target || target->path != "/")
      return send(plain(http::status::not_found, "WebSockets are served on /"), false);
    const HttpCaller caller{to_string(request[http::field::host]), to_string(request[http::field::origin]),
                            to_string(request[http::field::authorization]), target->token};
    switch (admit(server_->options.access, caller, true)) {
      case Admission::kUnauthorized:
        server_->refuse(peer_, "a wrong token, or none");
        return send(plain(http::status::unauthorized, "A token is needed: ?token=…"), false);
      case Admission::kForbidden:
        server_->refuse(peer_,
                        fmt::format("host '{}', origin '{}'", caller.host.substr(0, 64), caller.origin.substr(0, 64)));
        return send(plain(http::status::forbidden, "This page may not connect; start Bramble with a token."), false);
      case Admission::kAllowed:
        break;
    }
    const std::string subprotocol = choose_subprotocol(
        {request[http::field::sec_websocket_protocol].data(), request[http::field::sec_websocket_protocol].size()});
    if (subprotocol.empty()) {
      server_->refuse(peer_, "a WebSocket that does not speak foxglove.websocket.v1");
      return send(plain(http::status::bad_request, "The subprotocol foxglove.websocket.v1 is needed."), false);
    }
    if (server_->clients >= server_->hub.limits().clients) {
      server_->refuse(peer_, "too many clients");
      return send(plain(http::status::service_unavailable, "Too many clients."), false);
    }
    std::make_shared<WebSocketSession>(server_, std::move(stream_))->run(request, subprotocol);
  }

  void send(Response response, bool keep) {
    add_security_headers(response);
    response.keep_alive(keep);
    if (!head_only_) response.prepare_payload();
    response_ = std::move(response);
    stream_.expires_after(kRequestTime);
    const auto done = [self = shared_from_this(), keep](error_code error, std::size_t) {
      if (error || !keep) return self->shut();
      self->head_only_ = false;
      self->read();
    };
    if (head_only_) {
      serializer_.emplace(response_);
      http::async_write_header(stream_, *serializer_, done);
    } else {
      http::async_write(stream_, response_, done);
    }
  }

  // Ends our side and reads what is still on its way: closing before would take the answer from the client too.
  void shut() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kDrainTime);
    drain(0);
  }
  void drain(std::size_t drained) {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kHeaderLimit),
                            [self = shared_from_this(), drained](error_code error, std::size_t bytes) {
                              if (!error && drained < kMostDrained) self->drain(drained + bytes);
                            });
  }

  std::shared_ptr<LiveServer::Impl> server_;
  beast::tcp_stream stream_;
  tcp::endpoint peer_;
  beast::flat_buffer buffer_{2 * kHeaderLimit};
  std::optional<http::request_parser<http::empty_body>> parser_;
  Response response_;
  std::optional<http::response_serializer<http::vector_body<std::uint8_t>>> serializer_;
  bool head_only_ = false;
};

void LiveServer::Impl::accept() {
  acceptor.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
    if (self->ending) return;
    if (error) {  // no file descriptors left, say: go on when some are free again
      self->pause.expires_after(std::chrono::milliseconds(100));
      self->pause.async_wait([self](error_code) {
        if (!self->ending) self->accept();
      });
      return;
    }
    ++self->connections;
    if (self->open.size() >= self->options.connections) {
      error_code ignored;
      self->refuse(socket.remote_endpoint(ignored), "too many connections");
    } else {
      std::make_shared<HttpSession>(self, std::move(socket))->run();
    }
    self->accept();
  });
}

Response LiveServer::Impl::answer(const Request& request, const tcp::endpoint& peer) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Response response = plain(http::status::method_not_allowed, "Only GET and HEAD are served.");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  auto target = parse_target({request.target().data(), request.target().size()});
  if (!target) return plain(http::status::bad_request, "This address cannot be read.");
  if (target->path == "/") target->path = "/index.html";
  const bool api = target->path.starts_with("/api/");
  const HttpCaller caller{to_string(request[http::field::host]), to_string(request[http::field::origin]),
                          to_string(request[http::field::authorization]), target->token};
  const Admission admission = admit(options.access, caller, false);
  if (admission == Admission::kForbidden) {
    refuse(peer, fmt::format("host '{}'", caller.host.substr(0, 64)));
    return plain(http::status::forbidden, "Ask for localhost, or start Bramble with a token.");
  }
  if (admission == Admission::kUnauthorized && (api || target->path == "/index.html")) {
    refuse(peer, "a wrong token, or none");
    Response response = plain(http::status::unauthorized, "A token is needed: add ?token=… to the address.");
    response.set(http::field::www_authenticate, "Bearer");
    return response;
  }
  if (target->path == "/api/health") {
    const std::string text =
        nlohmann::ordered_json{
            {"name", "bramble"},
            {"version", options.version},
            {"source", options.source},
            {"clients", hub.client_count()},
            {"uptime_s", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()}}
            .dump();
    Response response(http::status::ok, 11);
    response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    response.body().assign(text.begin(), text.end());
    return response;
  }
  return file_answer(*target, request);
}

Response LiveServer::Impl::file_answer(const HttpTarget& target, const Request& request) {
  Response response(http::status::ok, 11);
  response.set(http::field::content_type, std::string(mime_type(target.path)));
  response.set(http::field::cache_control, "no-cache");
  if (!options.page_folder.empty()) {  // for work on the page
    const std::filesystem::path name = std::filesystem::path(target.path.substr(1)).lexically_normal();
    const auto file = options.page_folder / name;
    if (name.empty() || name.is_absolute() || *name.begin() == ".." || !std::filesystem::is_regular_file(file))
      return plain(http::status::not_found, "There is no such page.");
    try {
      response.body() = read_file(file);
    } catch (const Error&) {
      return plain(http::status::not_found, "There is no such page.");
    }
    return response;
  }
  for (const PageFile& file : page_files()) {
    if (file.path != target.path) continue;
    response.set(http::field::etag, std::string(file.etag));
    if (to_string(request[http::field::if_none_match]) == file.etag)
      response.result(http::status::not_modified);
    else
      response.body().assign(file.bytes.begin(), file.bytes.end());
    return response;
  }
  return plain(http::status::not_found, "There is no such page.");
}

void ServerOptions::validate() const {
  if (!is_loopback_address(bind) && access.token.empty())
    fail("serving others on {} needs a token: add --token WORD, and give it only to those who may drive", bind);
}

LiveServer::LiveServer(LiveHub& hub, ServerOptions options) : impl_(std::make_shared<Impl>(hub, std::move(options))) {
  const ServerOptions& o = impl_->options;
  o.validate();
  error_code error;
  const auto address = net::ip::make_address(o.bind == "localhost" ? "127.0.0.1" : o.bind, error);
  if (error) fail("'{}' is no address; --bind takes one of this machine's, or 0.0.0.0 for all", o.bind);
  const tcp::endpoint endpoint(address, o.port);
  impl_->acceptor.open(endpoint.protocol(), error);
  if (!error) impl_->acceptor.set_option(net::socket_base::reuse_address(true), error);
  if (!error) impl_->acceptor.bind(endpoint, error);
  if (!error) impl_->acceptor.listen(net::socket_base::max_listen_connections, error);
  if (error == net::error::address_in_use)
    fail("port {} of {} is in use; choose another with --port, or 0 for any that is free", o.port, o.bind);
  if (error) fail("cannot serve on {} port {}: {}", o.bind, o.port, error.message());
}

LiveServer::~LiveServer() { stop(); }

void LiveServer::start() {
  impl_->accept();
  impl_->thread = std::thread([impl = impl_] {
    for (;;) {
      try {
        impl->io.run();
        return;
      } catch (const std::exception& error) {  // of one connection: the others are served on
        spdlog::error("the server: {}", error.what());
      }
    }
  });
}

void LiveServer::stop() {
  if (!impl_->thread.joinable()) return;
  net::post(impl_->io, [impl = impl_] {
    impl->ending = true;
    error_code ignored;
    impl->acceptor.close(ignored);
    for (Connection* connection : std::set(impl->open)) connection->go_away();
    impl->pause.expires_after(kGoodbyeTime);
    impl->pause.async_wait([impl](error_code) { impl->io.stop(); });
  });
  impl_->thread.join();
  // What still waits holds the connections, and they hold this.
  for (Connection* connection : std::set(impl_->open)) connection->cut();
  impl_->io.restart();
  impl_->io.poll();
}

std::uint16_t LiveServer::port() const {
  error_code error;
  const auto endpoint = impl_->acceptor.local_endpoint(error);
  return error ? impl_->options.port : endpoint.port();
}

std::string LiveServer::url() const {
  const ServerOptions& o = impl_->options;
  const std::string host = o.bind.find(':') != std::string::npos ? "[" + o.bind + "]" : o.bind;
  return fmt::format("http://{}:{}/{}", host == "0.0.0.0" ? "localhost" : host, port(),
                     o.access.token.empty() ? "" : "?token=" + o.access.token);
}

ServerCounts LiveServer::counts() const { return {impl_->connections, impl_->web_sockets, impl_->refused}; }

}  // namespace bramble
