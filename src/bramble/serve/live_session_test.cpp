#include "bramble/serve/live_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <thread>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"

namespace bramble {
namespace {

namespace net = boost::asio;
namespace websocket = boost::beast::websocket;
using net::ip::tcp;
using nlohmann::json;

// A source of a text and a small picture a frame, 20 Hz of its own time, that notes what is done to it.
class MadeUpSource final : public LiveSource {
 public:
  std::string kind() const override { return "sim"; }
  std::string name() const override { return "made up"; }
  std::vector<TopicInfo> topics() const override {
    return {{"/text", "std_msgs/msg/String", false}, {"/picture", "sensor_msgs/msg/Image", false}};
  }
  void want(const std::set<std::string>& topics) override { pictures_ = topics.contains("/picture"); }
  std::optional<StampNs> next_stamp() override { return frame_ * (kNsPerSecond / 20); }
  void take(const Deliver& deliver, bool) override {
    const StampNs stamp_ns = *next_stamp();
    std_msgs::String text;
    text.data = std::to_string(frame_);
    deliver({topics()[0], stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(serialize(text))});
    if (pictures_) {
      sensor_msgs::Image image;
      image.header.stamp = to_ros_time(stamp_ns);
      image.width = image.height = 16;
      image.step = 48;
      image.encoding = "rgb8";
      image.data.assign(16 * 48, static_cast<std::uint8_t>(frame_));
      deliver({topics()[1], stamp_ns, std::make_shared<const std::vector<std::uint8_t>>(serialize(image))});
    }
    ++frame_;
  }
  void describe(nlohmann::ordered_json& status) const override { status["frame"] = frame_; }
  std::optional<nav_msgs::Path> new_path() override { return std::nullopt; }
  std::vector<LiveParameter> parameters() const override { return {{"/gain", gain_}}; }
  void set(const std::string& name, const json& value) override { gain_ = number_within(name, value, 0, 10); }
  std::string control_topic() const override { return "/drive"; }
  bool drive(const DriveWish&) override {
    ++wishes;
    return true;
  }
  std::atomic<int> wishes = 0;

 private:
  std::int64_t frame_ = 0;
  double gain_ = 1;
  bool pictures_ = false;
};

// A client that reads and writes when told to.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(io_) {
    socket_.next_layer().connect({net::ip::make_address("127.0.0.1"), port});
    socket_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
      request.set(boost::beast::http::field::sec_websocket_protocol, "foxglove.websocket.v1");
    }));
    socket_.handshake("127.0.0.1:" + std::to_string(port), "/");
  }
  void send(const json& message) {
    socket_.text(true);
    socket_.write(net::buffer(message.dump()));
  }
  void send_bytes(const std::string& bytes) {
    socket_.binary(true);
    socket_.write(net::buffer(bytes));
  }
  // The next text message for which it holds.
  json text(const std::function<bool(const json&)>& wanted) {
    for (;;) {
      buffer_.clear();
      socket_.read(buffer_);
      if (!socket_.got_text()) {
        binary_.push_back(boost::beast::buffers_to_string(buffer_.data()));
        continue;
      }
      json message = json::parse(boost::beast::buffers_to_string(buffer_.data()));
      if (message["op"] == "advertise")
        for (const json& channel : message["channels"]) channels_[channel["topic"]] = channel["id"];
      if (wanted(message)) return message;
    }
  }
  json text(const std::string& operation) {
    return text([&](const json& message) { return message["op"] == operation; });
  }
  // The payload of the next message of a subscription.
  std::string data(std::uint32_t subscription) {
    for (;;) {
      while (!binary_.empty()) {
        const std::string frame = binary_.front();
        binary_.pop_front();
        if (frame[0] == 1 && static_cast<std::uint8_t>(frame[1]) == subscription) return frame.substr(13);
      }
      buffer_.clear();
      socket_.read(buffer_);
      if (!socket_.got_text()) binary_.push_back(boost::beast::buffers_to_string(buffer_.data()));
    }
  }
  std::uint32_t channel(const std::string& topic) const { return channels_.at(topic); }

 private:
  net::io_context io_;
  websocket::stream<tcp::socket> socket_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::string> binary_;
  std::map<std::string, std::uint32_t> channels_;
};

ServerOptions serving_on(std::uint16_t port, const std::string& bind = "127.0.0.1") {
  ServerOptions options;
  options.port = port;
  options.bind = bind;
  return options;
}

class LiveSessionTest : public ::testing::Test {
 protected:
  void start(LiveSessionOptions options = {}) {
    folder_ = std::filesystem::temp_directory_path() / ("bramble_live_" + std::to_string(::getpid()));
    options.record_folder = folder_;
    auto source = std::make_unique<MadeUpSource>();
    source_ = source.get();
    session_ = std::make_unique<LiveSession>(std::move(source), options, serving_on(0));
    thread_ = std::thread([this] { session_->run(); });
  }
  void TearDown() override {
    if (session_) session_->stop();
    if (thread_.joinable()) thread_.join();
    session_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::filesystem::path folder_;
  MadeUpSource* source_ = nullptr;
  std::unique_ptr<LiveSession> session_;
  std::thread thread_;
};

TEST_F(LiveSessionTest, PlaysRecordsAndObeys) {
  LiveSessionOptions options;
  options.pace.speed = 4;
  start(options);
  Client client(session_->server().port());
  EXPECT_EQ(client.text("serverInfo")["name"], "Bramble: made up");
  client.text([&](const json&) {
    try {
      return client.channel("/picture/compressed") > 0;
    } catch (const std::out_of_range&) {
      return false;
    }
  });
  client.send({{"op", "subscribe"},
               {"subscriptions",
                {{{"id", 1}, {"channelId", client.channel("/text")}},
                 {{"id", 2}, {"channelId", client.channel("/picture/compressed")}},
                 {{"id", 3}, {"channelId", client.channel("/bramble/status")}}}}});
  EXPECT_NE(client.data(2).find("jpeg"), std::string::npos);
  EXPECT_EQ(json::parse(client.data(3))["source"], "sim");
  const auto set = [&](const char* name, const json& value) {
    client.send({{"op", "setParameters"}, {"id", "x"}, {"parameters", {{{"name", name}, {"value", value}}}}});
    return client.text("parameterValues")["parameters"][0]["value"];
  };
  EXPECT_EQ(set("/gain", 3), 3);
  EXPECT_EQ(set("/bramble/recording", true), true);
  for (int i = 0; i < 5; ++i) client.data(1);
  EXPECT_EQ(set("/bramble/recording", false), false);
  EXPECT_EQ(set("/bramble/paused", true), true);
  client.send({{"op", "advertise"},
               {"channels",
                {{{"id", 1}, {"topic", "/drive"}, {"encoding", "json"}, {"schemaName", ""}},
                 {{"id", 2}, {"topic", "/nobody"}, {"encoding", "json"}, {"schemaName", ""}}}}});
  client.send_bytes(std::string("\1\1\0\0\0{\"throttle\": 1}", 20));
  client.send_bytes(std::string("\1\2\0\0\0{}", 7));
  EXPECT_THAT(client.text("status")["message"].get<std::string>(), ::testing::HasSubstr("nobody here listens"));
  EXPECT_EQ(source_->wishes, 1);
  std::vector<std::filesystem::path> bags;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) bags.push_back(entry.path());
  ASSERT_EQ(bags.size(), 1U);
  BagReader bag(bags[0]);
  int texts = 0, pictures = 0;
  while (const auto message = bag.next()) ++(message->topic.name == "/text" ? texts : pictures);
  EXPECT_GE(texts, 4);
  EXPECT_GE(pictures, texts - 1);
}

TEST_F(LiveSessionTest, ManyClientsComeAndGo) {
  LiveSessionOptions options;
  options.pace.speed = 0;
  start(options);
  const std::uint16_t port = session_->server().port();
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([port] {
      for (int i = 0; i < 10; ++i) {
        Client client(port);
        client.text("advertise");
        client.send(
            {{"op", "subscribe"}, {"subscriptions", {{{"id", 1}, {"channelId", 1}}, {{"id", 2}, {"channelId", 4}}}}});
        client.send({{"op", "setParameters"}, {"parameters", {{{"name", "/gain"}, {"value", i}}}}});
        client.data(2);
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(session_->server().counts().web_sockets, 30U);
}

TEST_F(LiveSessionTest, RefusesOthersWithoutAToken) {
  EXPECT_THROW(LiveSession(std::make_unique<MadeUpSource>(), {}, serving_on(0, "0.0.0.0")), Error);
  EXPECT_THROW(LiveSession(std::make_unique<MadeUpSource>(), {}, serving_on(0, "nonsense")), Error);
  start();
  EXPECT_THROW(LiveSession(std::make_unique<MadeUpSource>(), {}, serving_on(session_->server().port())), Error);
}

}  // namespace
}  // namespace bramble
