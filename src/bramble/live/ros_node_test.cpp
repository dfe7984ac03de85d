#include "bramble/live/ros_node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "bramble/core/error.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using namespace std::chrono_literals;

// A domain that is not likely to be anybody's, another for each run of the tests.
RosNodeOptions options_of(const std::string& name) {
  RosNodeOptions options;
  options.name = name;
  options.domain = 60 + static_cast<int>(::getpid() % 40);
  return options;
}

Message text(const std::string& topic, const std::string& data, bool latched = false) {
  std_msgs::String message;
  message.data = data;
  return {{topic, std::string(std_msgs::String::kType), latched},
          0,
          std::make_shared<const std::vector<std::uint8_t>>(serialize(message))};
}

template <typename Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 200; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

bool sees_subscriber(const RosNode& node, const std::string& topic) {
  for (const RosTopic& there : node.topics())
    if (there.info.name == topic && there.subscribers > 0) return true;
  return false;
}

TEST(RosNode, MessagesArriveWholeAndInOrder) {
  RosNode sender(options_of("sender")), receiver(options_of("receiver"));
  receiver.subscribe(text("/chatter", "").topic);
  sender.advertise(text("/chatter", "").topic);
  ASSERT_TRUE(comes_true([&] { return sees_subscriber(sender, "/chatter"); }));
  std::this_thread::sleep_for(200ms);  // the receiver's side of the match
  for (int i = 0; i < 100; ++i) {
    sender.publish(text("/chatter", std::to_string(i) + std::string(static_cast<std::size_t>(i) * 1000, 'x')));
    const auto message = receiver.next(5s);
    ASSERT_TRUE(message) << i;
    EXPECT_EQ(message->topic.name, "/chatter");
    const auto data = deserialize<std_msgs::String>(*message->cdr).data;
    EXPECT_EQ(data.size(), std::to_string(i).size() + static_cast<std::size_t>(i) * 1000);
    EXPECT_TRUE(data.starts_with(std::to_string(i)));
  }
  EXPECT_TRUE(sender.wait_for_acknowledgments(5s));
  EXPECT_EQ(receiver.dropped(), 0U);
}

TEST(RosNode, PicturesOfThreeMegabytesAreNotLost) {
  RosNode sender(options_of("camera")), receiver(options_of("viewer"));
  sensor_msgs::Image image;
  image.encoding = "bgra8";
  image.height = 768;
  image.width = 1024;
  image.step = 4096;
  image.data.resize(4096UL * 768);
  const TopicInfo topic{"/camera/image", std::string(sensor_msgs::Image::kType), false};
  receiver.subscribe(topic);
  sender.advertise(topic);
  ASSERT_TRUE(comes_true([&] { return sees_subscriber(sender, topic.name); }));
  std::this_thread::sleep_for(200ms);
  constexpr int kPictures = 40;
  for (int i = 0; i < kPictures; ++i) {
    image.data[7] = static_cast<std::uint8_t>(i);
    sender.publish({topic, 0, std::make_shared<const std::vector<std::uint8_t>>(serialize(image))});
    std::this_thread::sleep_for(50ms);
  }
  for (int i = 0; i < kPictures; ++i) {
    const auto message = receiver.next(10s);
    ASSERT_TRUE(message) << "picture " << i << " of " << kPictures;
    const auto got = deserialize<sensor_msgs::Image>(*message->cdr);
    EXPECT_EQ(got.data.size(), image.data.size());
    EXPECT_EQ(got.data[7], i);
  }
}

TEST(RosNode, LatchedTopicsReachWhoComesLate) {
  RosNode sender(options_of("sender"));
  sender.publish(text("/tf_static", "old", true));
  sender.publish(text("/tf_static", "new", true));
  RosNode receiver(options_of("late"));
  receiver.subscribe(text("/tf_static", "", true).topic);
  const auto message = receiver.next(10s);
  ASSERT_TRUE(message);
  EXPECT_EQ(deserialize<std_msgs::String>(*message->cdr).data, "new");
}

TEST(RosNode, SeesTopicsTypesAndNodes) {
  for (const std::string distro : {"humble", "jazzy"}) {
    RosNodeOptions options = options_of("talker_" + distro);
    options.ros_distro = distro;
    RosNode talker(options), looker(options_of("looker"));
    talker.advertise(text("/words_" + distro, "").topic);
    ASSERT_TRUE(comes_true([&] {
      const auto topics = looker.topics();
      return std::any_of(topics.begin(), topics.end(), [&](const RosTopic& topic) {
        return topic.info.name == "/words_" + distro && topic.info.type == "std_msgs/msg/String" &&
               topic.publishers == 1;
      });
    }));
    EXPECT_TRUE(comes_true([&] {
      const auto nodes = looker.nodes();
      return std::find(nodes.begin(), nodes.end(), "/talker_" + distro) != nodes.end();
    })) << distro;
  }
}

carla_msgs::GetBlueprints_Request asking(const std::string& filter) {
  carla_msgs::GetBlueprints_Request request;
  request.filter = filter;
  return request;
}

// Two clients at a time, each many requests, answered in any order: everybody gets his own replies.
TEST(RosNode, EverybodyGetsTheReplyToHisOwnRequest) {
  const std::string service = "/carla/get_blueprints", type = "carla_msgs/srv/GetBlueprints";
  RosNode server(options_of("server"));
  server.serve(service, type);
  std::atomic<bool> done = false;
  std::thread answering([&] {
    std::vector<RosRequest> waiting;
    while (!done) {
      while (auto request = server.next_request()) waiting.push_back(std::move(*request));
      std::this_thread::sleep_for(3ms);
      for (; !waiting.empty(); waiting.pop_back()) {  // the last one first
        carla_msgs::GetBlueprints_Response response;
        response.blueprints = {deserialize<carla_msgs::GetBlueprints_Request>(*waiting.back().cdr).filter, "x"};
        server.reply(waiting.back(), serialize(response));
      }
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < 2; ++c)
    clients.emplace_back([&, c] {
      RosNode client(options_of("client"));
      for (int i = 0; i < 30; ++i) {
        const std::string question = fmt::format("client {} question {}", c, i);
        const auto reply = client.call(service, type, serialize(asking(question)), 20s);
        ASSERT_TRUE(reply) << question;
        EXPECT_EQ(deserialize<carla_msgs::GetBlueprints_Response>(*reply).blueprints,
                  (std::vector<std::string>{question, "x"}));
      }
    });
  for (auto& client : clients) client.join();
  RosNode looker(options_of("looker"));
  EXPECT_TRUE(comes_true([&] { return looker.services() == std::vector<RosService>{{service, type}}; }));
  for (const RosTopic& topic : looker.topics()) EXPECT_FALSE(topic.info.name.starts_with(service)) << topic.info.name;
  done = true;
  answering.join();
}

TEST(RosNode, AServiceThatIsNotThereIsNotWaitedForForEver) {
  RosNode client(options_of("client"));
  EXPECT_FALSE(client.call("/nobody", "carla_msgs/srv/GetBlueprints", serialize(asking("")), 300ms));
}

TEST(RosNode, NamesOfTypes) {
  EXPECT_EQ(dds_type_name("sensor_msgs/msg/Image"), "sensor_msgs::msg::dds_::Image_");
  EXPECT_EQ(ros_type_name("sensor_msgs::msg::dds_::Image_"), "sensor_msgs/msg/Image");
  EXPECT_EQ(ros_type_name("HelloWorld"), "");
  EXPECT_THROW(dds_type_name("Image"), Error);
}

TEST(RosNode, WrongDomainsAreNamed) {
  ::setenv("ROS_DOMAIN_ID", "one", 1);
  try {
    RosNode node;
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("ROS_DOMAIN_ID is 'one'"));
  }
  ::unsetenv("ROS_DOMAIN_ID");
  RosNodeOptions options;
  options.domain = 300;
  EXPECT_THROW(RosNode{options}, Error);
}

}  // namespace
}  // namespace bramble
