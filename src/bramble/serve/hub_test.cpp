#include "bramble/serve/hub.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

SharedBytes payload(std::uint8_t value, std::size_t bytes = 4) {
  return std::make_shared<const std::vector<std::uint8_t>>(bytes, value);
}

struct Listener final : HubListener {
  void on_message(ClientMessage message) override { messages.push_back(std::move(message)); }
  void on_parameters(ParameterWish wish) override { wishes.push_back(std::move(wish)); }
  void on_subscriptions() override { ++subscriptions; }
  std::vector<ClientMessage> messages;
  std::vector<ParameterWish> wishes;
  int subscriptions = 0;
};

class HubTest : public ::testing::Test {
 protected:
  HubTest() { hub.listen(&listener); }
  ClientId connect() {
    return hub.connect([this] { ++woken; }).value();
  }
  // All that waits for a client: JSON texts, and binary frames as {subscription, stamp, first byte, bytes}.
  json received(ClientId client) {
    json result = json::array();
    while (const auto out = hub.next(client)) {
      if (out->text) {
        result.push_back(json::parse(*out->body));
        continue;
      }
      const auto number = [&](std::size_t at, std::size_t bytes) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{out->head[at + i]} << (8 * i);
        return value;
      };
      if (out->head[0] == 2)
        result.push_back({{"time", number(1, 8)}});
      else
        result.push_back({{"subscription", number(1, 4)},
                          {"stamp", number(5, 8)},
                          {"first", (*out->body)[0]},
                          {"bytes", out->body->size()}});
    }
    return result;
  }
  ChannelId add(const std::string& topic, bool latched = false, std::size_t keep = 32) {
    return hub.add_channel({topic, "cdr", "std_msgs/msg/String", "string data", "ros2msg", latched, keep});
  }
  std::string status(ClientId client) {
    const json messages = received(client);
    if (messages.size() != 1 || messages[0]["op"] != "status") return messages.dump();
    return messages[0]["message"].get<std::string>();
  }
  void send(ClientId client, const json& message) { EXPECT_EQ(hub.take_text(client, message.dump()).close_code, 0); }

  LiveHub hub{{"test", "1.2", "session"},
              {.clients = 3, .subscriptions = 4, .malformed = 5, .messages_per_s = 1e6, .queue = {}}};
  Listener listener;
  int woken = 0;
};

TEST_F(HubTest, GreetsWithWhatThereIs) {
  add("/a");
  add("/b");
  const ClientId client = connect();
  EXPECT_EQ(woken, 1);
  const json greeting = received(client);
  ASSERT_EQ(greeting.size(), 2U);
  EXPECT_EQ(greeting[0]["op"], "serverInfo");
  EXPECT_EQ(greeting[0]["name"], "test");
  EXPECT_EQ(greeting[0]["sessionId"], "session");
  EXPECT_THAT(greeting[0]["capabilities"], ::testing::Contains("clientPublish"));
  EXPECT_EQ(greeting[1]["channels"].size(), 2U);
  EXPECT_EQ(greeting[1]["channels"][1]["topic"], "/b");
  EXPECT_EQ(greeting[1]["channels"][1]["schemaEncoding"], "ros2msg");
  add("/c");
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(received(client)[0]["channels"][0]["topic"], "/c");
}

TEST_F(HubTest, SendsWhatIsSubscribed) {
  const ChannelId a = add("/a"), b = add("/b", true, 1);
  hub.publish(a, 5, payload(1));
  hub.publish(b, 6, payload(2));
  EXPECT_FALSE(hub.subscribed(a));
  const ClientId client = connect();
  received(client);
  send(client,
       {{"op", "subscribe"}, {"subscriptions", {{{"id", 7}, {"channelId", a}}, {{"id", 9}, {"channelId", b}}}}});
  EXPECT_EQ(listener.subscriptions, 1);
  EXPECT_TRUE(hub.subscribed(a));
  EXPECT_EQ(hub.subscribed_topics(), (std::set<std::string>{"/a", "/b"}));
  // The latched channel's last message comes at once, of the other only what follows.
  EXPECT_EQ(received(client), (json{{{"subscription", 9}, {"stamp", 6}, {"first", 2}, {"bytes", 4}}}));
  hub.publish(a, 10, payload(3));
  hub.publish(b, 11, payload(4));
  hub.publish(b, 12, payload(5, 8));
  hub.publish_time(11);
  hub.publish_time(12);
  EXPECT_EQ(received(client), (json{{{"subscription", 7}, {"stamp", 10}, {"first", 3}, {"bytes", 4}},
                                    {{"subscription", 9}, {"stamp", 12}, {"first", 5}, {"bytes", 8}},
                                    {{"time", 12}}}));
  EXPECT_EQ(hub.dropped(), 2U);
  send(client, {{"op", "unsubscribe"}, {"subscriptionIds", {7}}});
  EXPECT_FALSE(hub.subscribed(a));
  hub.publish(a, 20, payload(6));
  EXPECT_TRUE(received(client).empty());
  hub.disconnect(client);
  EXPECT_FALSE(hub.subscribed(b));
  EXPECT_EQ(hub.client_count(), 0U);
  EXPECT_EQ(listener.subscriptions, 3);
}

TEST_F(HubTest, TellsWhatIsWrong) {
  add("/a");
  const ClientId client = connect();
  received(client);
  const auto told = [&](const std::string& text) {
    hub.take_text(client, text);
    return status(client);
  };
  EXPECT_THAT(told("{"), HasSubstr("no JSON"));
  EXPECT_THAT(told("[1]"), HasSubstr("no JSON object"));
  EXPECT_THAT(told(R"({"op": "dance"})"), HasSubstr("no operation 'dance'"));
  EXPECT_THAT(told(R"({"op": "subscribe", "subscriptions": [{"id": 1, "channelId": 99}]})"),
              HasSubstr("no channel 99"));
  const Verdict verdict =
      hub.take_text(client, R"({"op": "subscribe", "subscriptions": [{"id": -1, "channelId": 1}]})");
  EXPECT_EQ(verdict.close_code, 1008);  // the fifth mistake
  hub.disconnect(client);
  EXPECT_EQ(hub.take_text(client, "{}").close_code, 1001);
}

TEST_F(HubTest, RefusesTooManyOfAll) {
  const ChannelId a = add("/a");
  const ClientId client = connect();
  connect();
  connect();
  EXPECT_FALSE(hub.connect([] {}));
  received(client);
  json many = json::array();
  for (int i = 0; i < 5; ++i) many.push_back({{"id", i}, {"channelId", a}});
  hub.take_text(client, json{{"op", "subscribe"}, {"subscriptions", many}}.dump());
  EXPECT_THAT(status(client), HasSubstr("more than 4 subscriptions"));
  hub.take_text(client, json{{"op", "subscribe"}, {"subscriptions", {{{"id", 0}, {"channelId", a}}}}}.dump());
  EXPECT_THAT(status(client), HasSubstr("in use"));
}

TEST_F(HubTest, LetsAFloodGo) {
  LiveHub small({"test", "1", "s"},
                {.clients = 1, .subscriptions = 4, .malformed = 1000, .messages_per_s = 10, .queue = {}});
  const ClientId client = small.connect([] {}).value();
  int accepted = 0;
  while (accepted < 100 && small.take_text(client, R"({"op": "getParameters", "parameterNames": []})").close_code == 0)
    ++accepted;
  EXPECT_GE(accepted, 20);
  EXPECT_LT(accepted, 30);
  EXPECT_EQ(small.take_binary(client, {}).close_code, 1008);
}

TEST_F(HubTest, SeesAClientThatDoesNotRead) {
  LiveHub small({"test", "1", "s"}, {.clients = 1,
                                     .subscriptions = 4,
                                     .malformed = 9,
                                     .messages_per_s = 1e6,
                                     .queue = {.control_bytes = 2000, .data_bytes = 1000}});
  const ClientId client = small.connect([] {}).value();
  EXPECT_FALSE(small.overrun(client));
  for (int i = 0; i < 20; ++i) small.status(0, foxglove::StatusLevel::kInfo, std::string(100, 'x'));
  EXPECT_TRUE(small.overrun(client));
}

TEST_F(HubTest, KeepsParameters) {
  hub.set_parameter("/speed", 1);
  hub.set_parameter("/drivers", json{"a", "b"}, false);
  const ClientId client = connect(), other = connect();
  received(client);
  received(other);
  send(client, {{"op", "getParameters"}, {"parameterNames", json::array()}, {"id", "all"}});
  EXPECT_EQ(received(client)[0], (json{{"op", "parameterValues"},
                                       {"id", "all"},
                                       {"parameters",
                                        {{{"name", "/drivers"}, {"value", {"a", "b"}}},
                                         {{"name", "/speed"}, {"value", 1}, {"type", "float64"}}}}}));
  send(client, {{"op", "subscribeParameterUpdates"}, {"parameterNames", {"/speed"}}});
  send(other, {{"op", "setParameters"}, {"id", "r"}, {"parameters", {{{"name", "/speed"}, {"value", 3}}}}});
  ASSERT_EQ(listener.wishes.size(), 1U);
  EXPECT_EQ(listener.wishes[0].parameters[0].value, 3);
  EXPECT_EQ(listener.wishes[0].request_id, "r");
  EXPECT_TRUE(received(client).empty());  // nothing is set before it is carried out
  hub.set_parameter("/speed", 3);
  hub.set_parameter("/speed", 3);
  EXPECT_EQ(received(client).size(), 1U);
  EXPECT_TRUE(received(other).empty());
  hub.answer_parameters(other, {"/speed"}, "r");
  EXPECT_EQ(received(other)[0]["parameters"][0]["value"], 3);
  send(client, {{"op", "unsubscribeParameterUpdates"}, {"parameterNames", {"/speed"}}});
  hub.set_parameter("/speed", 4);
  EXPECT_TRUE(received(client).empty());
  send(client, {{"op", "setParameters"}, {"parameters", {{{"name", "/drivers"}, {"value", 3}}}}});
  EXPECT_THAT(status(client), HasSubstr("/drivers cannot be set"));
  send(client, {{"op", "setParameters"}, {"parameters", {{{"name", "/sped"}, {"value", 3}}}}});
  EXPECT_THAT(status(client), HasSubstr("did you mean /speed"));
  EXPECT_EQ(listener.wishes.size(), 1U);
}

TEST_F(HubTest, PassesOnWhatClientsPublish) {
  const ClientId client = connect();
  received(client);
  const std::vector<std::uint8_t> frame{1, 3, 0, 0, 0, 'h', 'i'};
  hub.take_binary(client, frame);
  EXPECT_THAT(status(client), HasSubstr("not advertised a channel 3"));
  send(client,
       {{"op", "advertise"}, {"channels", {{{"id", 3}, {"topic", "/t"}, {"encoding", "json"}, {"schemaName", "S"}}}}});
  EXPECT_EQ(hub.take_binary(client, frame).close_code, 0);
  ASSERT_EQ(listener.messages.size(), 1U);
  EXPECT_EQ(listener.messages[0].topic, "/t");
  EXPECT_EQ(listener.messages[0].payload, (std::vector<std::uint8_t>{'h', 'i'}));
  send(client, {{"op", "unadvertise"}, {"channelIds", {3}}});
  hub.take_binary(client, frame);
  EXPECT_THAT(status(client), HasSubstr("not advertised"));
  const std::vector<std::uint8_t> nothing, unknown{9}, cut{1, 0, 0};
  EXPECT_EQ(hub.take_binary(client, nothing).close_code, 0);
  EXPECT_EQ(hub.take_binary(client, unknown).close_code, 0);
  EXPECT_EQ(hub.take_binary(client, cut).close_code, 1008);  // the fifth mistake
  EXPECT_EQ(received(client).size(), 3U);
}

TEST_F(HubTest, ManyThreads) {
  const ChannelId a = add("/a", false, 1);
  std::atomic<bool> stop = false;
  std::thread publisher([&] {
    for (StampNs i = 0; !stop; ++i) {
      hub.publish(a, i, payload(1));
      hub.publish_time(i);
      hub.set_parameter("/x", i);
    }
  });
  for (int round = 0; round < 200; ++round) {
    const ClientId client = hub.connect([] {}).value();
    hub.take_text(client, json{{"op", "subscribe"}, {"subscriptions", {{{"id", 1}, {"channelId", a}}}}}.dump());
    hub.take_text(client, R"({"op": "subscribeParameterUpdates", "parameterNames": []})");
    for (int i = 0; i < 10; ++i) hub.next(client);
    hub.disconnect(client);
  }
  stop = true;
  publisher.join();
  EXPECT_EQ(hub.client_count(), 0U);
  EXPECT_FALSE(hub.subscribed(a));
}

}  // namespace
}  // namespace bramble
