#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bramble/serve/foxglove_protocol.hpp"
#include "bramble/serve/send_queue.hpp"

namespace bramble {

using ChannelId = std::uint32_t;
using ClientId = std::uint64_t;

/// A channel as its publisher describes it.
struct ChannelSpec {
  std::string topic, encoding, schema_name, schema, schema_encoding;
  bool latched = false;   ///< its last message goes to every new subscriber
  std::size_t keep = 32;  ///< messages that may wait for a slow client
};

/// A message that a client has published.
struct ClientMessage {
  ClientId client = 0;
  std::string topic, encoding, schema_name;
  std::vector<std::uint8_t> payload;
};

/// Parameters that a client wants set; each exists and is writable.
struct ParameterWish {
  ClientId client = 0;
  std::vector<foxglove::Parameter> parameters;
  std::optional<std::string> request_id;
};

/// Who hears what clients want. Called by the network's thread, without a lock held; must return at once.
class HubListener {
 public:
  virtual ~HubListener() = default;
  virtual void on_message(ClientMessage message) = 0;
  virtual void on_parameters(ParameterWish wish) = 0;
  /// Somebody subscribed, unsubscribed or went: what is wanted may be another set.
  virtual void on_subscriptions() = 0;
};

struct HubLimits {
  std::size_t clients = 16;
  std::size_t subscriptions = 512;  ///< of a client; as many channels of its own
  int malformed = 20;               ///< messages that make no sense, then the client is let go
  double messages_per_s = 200;      ///< of a client on average; twice as many at once
  SendQueueLimits queue;
};

/// Whether a client may stay, or the WebSocket close code that tells it to go, and why.
struct Verdict {
  int close_code = 0;  ///< 0: it may stay
  std::string reason;
};

/// What the server knows: channels, parameters, clients and their subscriptions, and what waits to be sent to them. It
/// speaks the Foxglove protocol, but knows no sockets (server.hpp). Any thread may call.
class LiveHub {
 public:
  LiveHub(foxglove::ServerInfo info, HubLimits limits = {});
  ~LiveHub();
  const HubLimits& limits() const { return limits_; }
  /// Null: nobody listens. The listener must outlive all calls of take_…() and disconnect().
  void listen(HubListener* listener);

  /// Makes a channel known to all clients.
  ChannelId add_channel(ChannelSpec spec);
  bool subscribed(ChannelId channel) const;
  /// Topics that at least one client has subscribed.
  std::set<std::string> subscribed_topics() const;
  void publish(ChannelId channel, StampNs stamp_ns, SharedBytes payload);
  void publish_time(StampNs stamp_ns);

  /// Makes a parameter known, or gives it a value; who has subscribed it is told of a change.
  void set_parameter(const std::string& name, nlohmann::json value, bool writable = true);
  nlohmann::json parameter(const std::string& name) const;
  /// Sends the values in force to a client that asked with a request id.
  void answer_parameters(ClientId client, const std::vector<std::string>& names, const std::string& request_id);
  /// Tells a client something; 0: all.
  void status(ClientId client, foxglove::StatusLevel level, const std::string& text);

  std::size_t client_count() const;
  /// Data messages that slow clients missed.
  std::uint64_t dropped() const;

  // --- for the server ---
  /// A new client that is greeted with what there is; nothing when there are too many. `wake` is called, from any
  /// thread and with locks held, when something waits and next() had said that nothing does; it must return at once.
  std::optional<ClientId> connect(std::function<void()> wake);
  void disconnect(ClientId client);
  /// Messages of a client. An unknown client is told to go.
  Verdict take_text(ClientId client, std::string_view text);
  Verdict take_binary(ClientId client, std::span<const std::uint8_t> frame);
  /// What to send next; nothing: wait for wake.
  std::optional<Outgoing> next(ClientId client);
  /// Set when a client has let too much wait.
  bool overrun(ClientId client) const;

 private:
  struct Client;
  struct ChannelState;
  Client* find(ClientId client);
  const Client* find(ClientId client) const;
  Verdict admit(Client& client);
  Verdict malformed(ClientId client, const std::string& what);
  void send_text(Client& client, const std::string& text);
  void send_status(Client& client, foxglove::StatusLevel level, const std::string& text);
  void send_data(Client& client, std::uint32_t subscription, std::size_t keep, StampNs stamp_ns, SharedBytes payload);
  void subscribe(Client& client, const foxglove::Subscribe& wish);
  void unsubscribe(Client& client, const foxglove::Unsubscribe& wish);
  void advertise(Client& client, const foxglove::Advertise& wish);
  void unadvertise(Client& client, const foxglove::Unadvertise& wish);
  std::vector<foxglove::Parameter> values(const std::vector<std::string>& names) const;

  const foxglove::ServerInfo info_;
  const HubLimits limits_;
  mutable std::mutex mutex_;
  HubListener* listener_ = nullptr;
  std::map<ChannelId, ChannelState> channels_;
  std::map<std::string, std::pair<nlohmann::json, bool>> parameters_;  // value, writable
  std::map<ClientId, std::unique_ptr<Client>> clients_;
  ChannelId next_channel_ = 1;
  ClientId next_client_ = 1;
  std::uint64_t dropped_by_gone_ = 0;
};

}  // namespace bramble
