#include "bramble/serve/hub.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {
namespace {

using Clock = std::chrono::steady_clock;
using foxglove::StatusLevel;

constexpr int kPolicyViolation = 1008;  // RFC 6455, 7.4.1
constexpr int kGoingAway = 1001;

SharedBytes bytes_of(std::string_view text) {
  return std::make_shared<const std::vector<std::uint8_t>>(text.begin(), text.end());
}

}  // namespace

struct LiveHub::ChannelState {
  foxglove::Channel channel;
  ChannelSpec spec;
  StampNs last_stamp_ns = 0;
  SharedBytes last;  // of a latched channel
  std::size_t subscribers = 0;
};

struct LiveHub::Client {
  ClientId id = 0;
  std::function<void()> wake;
  bool idle = true;  // next() said that nothing waits, and nobody was woken since
  bool overrun = false;
  SendQueue queue;
  std::map<std::uint32_t, ChannelId> subscriptions;
  std::map<std::uint32_t, foxglove::ClientChannel> channels;
  bool all_parameters = false;
  std::set<std::string> parameters;
  int malformed = 0;
  double allowance = 0;  // messages that it may still send
  Clock::time_point counted = Clock::now();
  explicit Client(const HubLimits& limits) : queue(limits.queue), allowance(2 * limits.messages_per_s) {}
};

LiveHub::LiveHub(foxglove::ServerInfo info, HubLimits limits) : info_(std::move(info)), limits_(limits) {}
LiveHub::~LiveHub() = default;

void LiveHub::listen(HubListener* listener) {
  const std::lock_guard lock(mutex_);
  listener_ = listener;
}

LiveHub::Client* LiveHub::find(ClientId client) {
  const auto it = clients_.find(client);
  return it == clients_.end() ? nullptr : it->second.get();
}
const LiveHub::Client* LiveHub::find(ClientId client) const {
  const auto it = clients_.find(client);
  return it == clients_.end() ? nullptr : it->second.get();
}

// --- sending; the lock is held --------------------------------------------------------------------------------------

void LiveHub::send_text(Client& client, const std::string& text) {
  if (!client.queue.push_control({true, {}, bytes_of(text)})) client.overrun = true;
  if (!std::exchange(client.idle, false)) return;
  client.wake();
}

void LiveHub::send_status(Client& client, StatusLevel level, const std::string& text) {
  send_text(client, foxglove::status(level, text));
}

void LiveHub::send_data(Client& client, std::uint32_t subscription, std::size_t keep, StampNs stamp_ns,
                        SharedBytes payload) {
  const auto head = foxglove::message_head(subscription, stamp_ns);
  client.queue.push_data(subscription, keep, {false, {head.begin(), head.end()}, std::move(payload)});
  if (!std::exchange(client.idle, false)) return;
  client.wake();
}

// --- channels -------------------------------------------------------------------------------------------------------

ChannelId LiveHub::add_channel(ChannelSpec spec) {
  const std::lock_guard lock(mutex_);
  const ChannelId id = next_channel_++;
  ChannelState& state = channels_[id];
  state.channel = {id, spec.topic, spec.encoding, spec.schema_name, spec.schema, spec.schema_encoding};
  state.spec = std::move(spec);
  const std::string text = foxglove::advertise(std::span(&state.channel, 1));
  for (auto& [_, client] : clients_) send_text(*client, text);
  return id;
}

bool LiveHub::subscribed(ChannelId channel) const {
  const std::lock_guard lock(mutex_);
  const auto it = channels_.find(channel);
  return it != channels_.end() && it->second.subscribers > 0;
}

std::set<std::string> LiveHub::subscribed_topics() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> topics;
  for (const auto& [_, state] : channels_)
    if (state.subscribers > 0) topics.insert(state.spec.topic);
  return topics;
}

void LiveHub::publish(ChannelId channel, StampNs stamp_ns, SharedBytes payload) {
  const std::lock_guard lock(mutex_);
  const auto it = channels_.find(channel);
  if (it == channels_.end()) return;
  ChannelState& state = it->second;
  if (state.spec.latched) {
    state.last = payload;
    state.last_stamp_ns = stamp_ns;
  }
  if (state.subscribers == 0) return;
  for (auto& [_, client] : clients_)
    for (const auto& [subscription, of] : client->subscriptions)
      if (of == channel) send_data(*client, subscription, state.spec.keep, stamp_ns, payload);
}

void LiveHub::publish_time(StampNs stamp_ns) {
  constexpr std::uint64_t kTimeSlot = 1ULL << 32;  // beside all subscriptions; only the newest time matters
  const auto bytes = foxglove::time_message(stamp_ns);
  const std::lock_guard lock(mutex_);
  for (auto& [_, client] : clients_) {
    client->queue.push_data(kTimeSlot, 1, {false, {bytes.begin(), bytes.end()}, nullptr});
    if (std::exchange(client->idle, false)) client->wake();
  }
}

// --- parameters -----------------------------------------------------------------------------------------------------

void LiveHub::set_parameter(const std::string& name, nlohmann::json value, bool writable) {
  const std::lock_guard lock(mutex_);
  auto& [old, old_writable] = parameters_[name];
  old_writable = writable;
  if (old == value) return;
  old = std::move(value);
  const foxglove::Parameter parameter{name, old};
  const std::string text = foxglove::parameter_values(std::span(&parameter, 1), std::nullopt);
  for (auto& [_, client] : clients_)
    if (client->all_parameters || client->parameters.contains(name)) send_text(*client, text);
}

nlohmann::json LiveHub::parameter(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto it = parameters_.find(name);
  return it == parameters_.end() ? nlohmann::json() : it->second.first;
}

std::vector<foxglove::Parameter> LiveHub::values(const std::vector<std::string>& names) const {
  std::vector<foxglove::Parameter> result;
  for (const auto& [name, value] : parameters_)
    if (names.empty() || std::find(names.begin(), names.end(), name) != names.end())
      result.push_back({name, value.first});
  return result;
}

void LiveHub::answer_parameters(ClientId id, const std::vector<std::string>& names, const std::string& request_id) {
  const std::lock_guard lock(mutex_);
  if (Client* client = find(id)) send_text(*client, foxglove::parameter_values(values(names), request_id));
}

void LiveHub::status(ClientId id, StatusLevel level, const std::string& text) {
  const std::lock_guard lock(mutex_);
  for (auto& [client_id, client] : clients_)
    if (id == 0 || id == client_id) send_status(*client, level, text);
}

std::size_t LiveHub::client_count() const {
  const std::lock_guard lock(mutex_);
  return clients_.size();
}

std::uint64_t LiveHub::dropped() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = dropped_by_gone_;
  for (const auto& [_, client] : clients_) sum += client->queue.dropped();
  return sum;
}

// --- clients --------------------------------------------------------------------------------------------------------

std::optional<ClientId> LiveHub::connect(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (clients_.size() >= limits_.clients) return std::nullopt;
  const ClientId id = next_client_++;
  auto& client = clients_[id] = std::make_unique<Client>(limits_);
  client->id = id;
  client->wake = std::move(wake);
  send_text(*client, foxglove::server_info(info_));
  std::vector<foxglove::Channel> channels;
  for (const auto& [_, state] : channels_) channels.push_back(state.channel);
  send_text(*client, foxglove::advertise(channels));
  return id;
}

void LiveHub::disconnect(ClientId id) {
  HubListener* listener = nullptr;
  {
    const std::lock_guard lock(mutex_);
    Client* client = find(id);
    if (client == nullptr) return;
    for (const auto& [_, channel] : client->subscriptions) --channels_.at(channel).subscribers;
    dropped_by_gone_ += client->queue.dropped();
    clients_.erase(id);
    listener = listener_;
  }
  if (listener != nullptr) listener->on_subscriptions();
}

Verdict LiveHub::admit(Client& client) {
  const auto now = Clock::now();
  const double elapsed_s = std::chrono::duration<double>(now - client.counted).count();
  client.counted = now;
  client.allowance = std::min(client.allowance + elapsed_s * limits_.messages_per_s, 2 * limits_.messages_per_s) - 1;
  if (client.allowance >= 0) return {};
  return {kPolicyViolation, fmt::format("more than {:g} messages a second", limits_.messages_per_s)};
}

Verdict LiveHub::malformed(ClientId id, const std::string& what) {
  const std::lock_guard lock(mutex_);
  Client* client = find(id);
  if (client == nullptr) return {kGoingAway, "not connected"};
  spdlog::debug("client {}: {}", id, what);
  send_status(*client, StatusLevel::kError, what);
  if (++client->malformed < limits_.malformed) return {};
  return {kPolicyViolation, "too many messages that make no sense"};
}

void LiveHub::subscribe(Client& client, const foxglove::Subscribe& wish) {
  for (const auto& subscription : wish.subscriptions) {
    const auto channel = channels_.find(subscription.channel_id);
    if (channel == channels_.end()) fail("there is no channel {}", subscription.channel_id);
    if (client.subscriptions.contains(subscription.id)) fail("the subscription {} is in use", subscription.id);
    if (client.subscriptions.size() >= limits_.subscriptions)
      fail("more than {} subscriptions are not allowed", limits_.subscriptions);
    client.subscriptions[subscription.id] = subscription.channel_id;
    ChannelState& state = channel->second;
    ++state.subscribers;
    if (state.last) send_data(client, subscription.id, state.spec.keep, state.last_stamp_ns, state.last);
  }
}

void LiveHub::unsubscribe(Client& client, const foxglove::Unsubscribe& wish) {
  for (const std::uint32_t id : wish.subscription_ids) {
    const auto subscription = client.subscriptions.find(id);
    if (subscription == client.subscriptions.end()) fail("there is no subscription {}", id);
    --channels_.at(subscription->second).subscribers;
    client.subscriptions.erase(subscription);
    client.queue.drop(id);
  }
}

void LiveHub::advertise(Client& client, const foxglove::Advertise& wish) {
  for (const auto& channel : wish.channels) {
    if (client.channels.contains(channel.id)) fail("you have advertised a channel {} already", channel.id);
    if (client.channels.size() >= limits_.subscriptions)
      fail("more than {} channels are not allowed", limits_.subscriptions);
    client.channels[channel.id] = channel;
  }
}

void LiveHub::unadvertise(Client& client, const foxglove::Unadvertise& wish) {
  for (const std::uint32_t id : wish.channel_ids)
    if (client.channels.erase(id) == 0) fail("you have not advertised a channel {}", id);
}

Verdict LiveHub::take_text(ClientId id, std::string_view text) {
  HubListener* listener = nullptr;
  bool subscriptions_changed = false;
  std::optional<ParameterWish> wish;
  try {
    foxglove::ClientOperation operation;
    std::string mistake;
    try {
      operation = foxglove::parse_client_text(text);
    } catch (const Error& error) {
      mistake = error.what();
    }
    const std::lock_guard lock(mutex_);
    Client* client = find(id);
    if (client == nullptr) return {kGoingAway, "not connected"};
    if (Verdict verdict = admit(*client); verdict.close_code != 0) return verdict;
    if (!mistake.empty()) fail("{}", mistake);
    listener = listener_;
    if (const auto* subscribing = std::get_if<foxglove::Subscribe>(&operation)) {
      subscriptions_changed = true;
      subscribe(*client, *subscribing);
    } else if (const auto* unsubscribing = std::get_if<foxglove::Unsubscribe>(&operation)) {
      subscriptions_changed = true;
      unsubscribe(*client, *unsubscribing);
    } else if (const auto* advertising = std::get_if<foxglove::Advertise>(&operation)) {
      advertise(*client, *advertising);
    } else if (const auto* unadvertising = std::get_if<foxglove::Unadvertise>(&operation)) {
      unadvertise(*client, *unadvertising);
    } else if (const auto* get = std::get_if<foxglove::GetParameters>(&operation)) {
      send_text(*client, foxglove::parameter_values(values(get->names), get->request_id));
    } else if (const auto* updates = std::get_if<foxglove::SubscribeParameters>(&operation)) {
      if (updates->names.empty()) client->all_parameters = updates->on;
      if (!updates->on && updates->names.empty()) client->parameters.clear();
      for (const std::string& name : updates->names) {
        if (updates->on && parameters_.contains(name)) client->parameters.insert(name);
        if (!updates->on) client->parameters.erase(name);
      }
    } else if (auto* set = std::get_if<foxglove::SetParameters>(&operation)) {
      for (const auto& parameter : set->parameters) {
        const auto there = parameters_.find(parameter.name);
        if (there == parameters_.end()) {
          std::vector<std::string> names;
          for (const auto& [name, _] : parameters_) names.push_back(name);
          const std::string near = nearest_word(parameter.name, names);
          fail("there is no parameter '{}'{}", parameter.name,
               near.empty() ? "" : fmt::format(" (did you mean {}?)", near));
        }
        if (!there->second.second) fail("the parameter {} cannot be set", parameter.name);
      }
      wish = ParameterWish{id, std::move(set->parameters), std::move(set->request_id)};
    }
  } catch (const Error& error) {
    if (subscriptions_changed && listener != nullptr) listener->on_subscriptions();
    return malformed(id, error.what());
  }
  if (listener != nullptr && subscriptions_changed) listener->on_subscriptions();
  if (listener != nullptr && wish) listener->on_parameters(std::move(*wish));
  return {};
}

Verdict LiveHub::take_binary(ClientId id, std::span<const std::uint8_t> frame) {
  HubListener* listener = nullptr;
  ClientMessage message;
  try {
    const std::lock_guard lock(mutex_);
    Client* client = find(id);
    if (client == nullptr) return {kGoingAway, "not connected"};
    if (Verdict verdict = admit(*client); verdict.close_code != 0) return verdict;
    const foxglove::ClientData data = foxglove::parse_client_binary(frame);
    const auto channel = client->channels.find(data.channel_id);
    if (channel == client->channels.end()) fail("you have not advertised a channel {}", data.channel_id);
    listener = listener_;
    message = {id,
               channel->second.topic,
               channel->second.encoding,
               channel->second.schema_name,
               {data.payload.begin(), data.payload.end()}};
  } catch (const Error& error) {
    return malformed(id, error.what());
  }
  if (listener != nullptr) listener->on_message(std::move(message));
  return {};
}

std::optional<Outgoing> LiveHub::next(ClientId id) {
  const std::lock_guard lock(mutex_);
  Client* client = find(id);
  if (client == nullptr) return std::nullopt;
  auto message = client->queue.pop();
  client->idle = !message;
  return message;
}

bool LiveHub::overrun(ClientId id) const {
  const std::lock_guard lock(mutex_);
  const Client* client = find(id);
  return client != nullptr && client->overrun;
}

}  // namespace bramble
