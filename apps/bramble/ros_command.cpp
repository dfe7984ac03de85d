// bramble ros: what there is on the ROS 2 network, calls of its services; colouring of label pictures there or in a
// bag.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>
#include <thread>

#include "bag_options.hpp"
#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/log.hpp"
#include "bramble/core/progress.hpp"
#include "bramble/dataset/colorize.hpp"
#include "bramble/live/ros_node.hpp"
#include "bramble/live/topic_watch.hpp"
#include "bramble/ros/message_json.hpp"
#include "bramble/ros/message_yaml.hpp"
#include "command.hpp"
#include "ros_options.hpp"

namespace bramble {
namespace {

struct ColorizeOptions {
  std::vector<std::string> topics = {"/carla/hero/semantic_segmentation_front/image"};
  std::string ontology = "bramble";
  LabelFormat format = LabelFormat::kAuto;
  std::filesystem::path bag, output;
  BagOptions to;
  RosNodeOptions node;
};

const std::map<std::string, LabelFormat> kLabelFormats = {
    {"auto", LabelFormat::kAuto}, {"ids", LabelFormat::kIds}, {"tags", LabelFormat::kTags}};

// A copy of the bag that has the coloured topics, too.
std::uint64_t colorize_bag(const ColorizeOptions& options, Colorizer& colorizer) {
  BagReader reader(options.bag);
  require_topics(reader.topics(), options.topics, "bag " + options.bag.string());
  std::set<std::string> replaced;
  for (const std::string& topic : options.topics) replaced.insert(Colorizer::topic_for({topic, "", false}).name);
  BagWriter writer(options.output, options.to);
  for (const TopicInfo& topic : reader.topics()) {
    if (replaced.contains(topic.name)) continue;
    writer.add_topic(topic);
    if (topic_wanted(topic.name, options.topics)) writer.add_topic(Colorizer::topic_for(topic));
  }
  std::uint64_t count = 0;
  Progress progress("colouring", reader.metadata().message_count);
  while (const auto message = reader.next()) {
    throw_if_interrupted();
    progress.advance();
    if (replaced.contains(message->topic.name)) continue;
    writer.write(*message);
    if (!topic_wanted(message->topic.name, options.topics)) continue;
    writer.write(colorizer.colorize(*message));
    ++count;
  }
  writer.close();
  progress.finish();
  return count;
}

// Colours what is published, as it comes, until Ctrl-C. Topics may appear later.
std::uint64_t colorize_live(const ColorizeOptions& options, Colorizer& colorizer) {
  using Clock = std::chrono::steady_clock;
  RosNode node(options.node);
  std::set<std::string> subscribed, refused;
  for (const std::string& topic : options.topics) node.advertise(Colorizer::topic_for({topic, "", false}));
  std::uint64_t count = 0;
  auto look = Clock::now();
  while (!interrupted()) {
    if (subscribed.size() < options.topics.size() && Clock::now() >= look) {
      look = Clock::now() + std::chrono::milliseconds(200);
      for (const RosTopic& topic : node.topics())
        if (topic.publishers > 0 && topic_wanted(topic.info.name, options.topics) &&
            subscribed.insert(topic.info.name).second) {
          node.subscribe(topic.info);
          spdlog::info("{} → {}", topic.info.name, Colorizer::topic_for(topic.info).name);
        }
    }
    const auto message = node.next(std::chrono::milliseconds(50));
    if (!message) continue;
    try {
      node.publish(colorizer.colorize(*message));
      ++count;
    } catch (const Error& error) {
      if (refused.insert(message->topic.name).second) spdlog::warn("{}: {}", message->topic.name, error.what());
    }
  }
  node.wait_for_acknowledgments(std::chrono::seconds(2));
  return count;
}

void add_colorize(CLI::App& cmd, CommonOptions& common) {
  auto options = std::make_shared<ColorizeOptions>();
  options->node.name = "bramble_colorize";
  auto* sub = cmd.add_subcommand("colorize", "label pictures in colours, on /segmentation/rgb/…, live or in a bag");
  sub->add_option("TOPIC", options->topics, "topics of label pictures")->capture_default_str();
  sub->add_option("--ontology", options->ontology, "ontology file, or the name of one that ships with Bramble")
      ->capture_default_str();
  sub->add_option("--label-format", options->format,
                  "what label pixels mean: auto, ids, or CARLA's tags (auto takes one channel for ids)")
      ->transform(CLI::CheckedTransformer(kLabelFormats));
  auto* bag = sub->add_option("--bag", options->bag, "colour the topics of this bag instead of live ones");
  sub->add_option("-o,--output", options->output, "with --bag: the bag to make, with everything of the old one")
      ->needs(bag);
  add_bag_options(*sub, options->to);
  add_ros_options(*sub, options->node);
  sub->footer(
      "Live it ends with Ctrl-C.\n"
      "Examples:\n  bramble ros colorize\n"
      "  bramble ros colorize /carla/hero/semantic_segmentation_front/image --label-format tags --bag gaia_sim -o "
      "coloured");
  sub->callback([options, &common] {
    if (!options->bag.empty() && options->output.empty()) throw CLI::RequiredError("-o NAME");
    Colorizer colorizer(Ontology::load(find_shipped(options->ontology, "ontologies", ".yaml")), options->format);
    const std::uint64_t count =
        options->bag.empty() ? colorize_live(*options, colorizer) : colorize_bag(*options, colorizer);
    if (colorizer.unknown_pixels() > 0)
      spdlog::warn("{} pixels have a value that the ontology {} has no class for; they are black",
                   colorizer.unknown_pixels(), options->ontology);
    fmt::print("{} pictures coloured\n", count);
    write_json(common, {{"pictures", count}, {"unknown_pixels", colorizer.unknown_pixels()}});
  });
}

void add_hz(CLI::App& cmd, CommonOptions& common) {
  struct Options {
    RosNodeOptions node;
    std::vector<std::string> topics;
    double seconds = 0, period_s = 0, speed = 1;
  };
  auto options = std::make_shared<Options>();
  options->node.name = "bramble_watch";
  auto* sub = cmd.add_subcommand("hz", "rates of topics, and messages that are missing by their stamps");
  sub->add_option("TOPIC", options->topics, "only these (default: all)");
  sub->add_option("--seconds", options->seconds, "how long (default: until Ctrl-C)")->check(CLI::PositiveNumber);
  sub->add_option("--period", options->period_s, "seconds between the stamps of a topic: gaps are missing messages")
      ->check(CLI::PositiveNumber);
  sub->add_option("--speed", options->speed, "of the stamps, where it is not the clock's (sim --rate)")
      ->check(CLI::Range(1e-3, 1e3));
  add_ros_options(*sub, options->node);
  sub->footer("Examples:\n  bramble ros hz /carla/hero/rgb_front/image\n  bramble ros hz --period 0.05 --seconds 60");
  sub->callback([options, &common] {
    using Clock = std::chrono::steady_clock;
    RosNode node(options->node);
    TopicWatch watch(static_cast<std::int64_t>(options->period_s * 1e9), options->speed);
    const auto end = options->seconds > 0 ? Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                               std::chrono::duration<double>(options->seconds))
                                          : Clock::time_point::max();
    std::set<std::string> subscribed;
    auto look = Clock::now();
    while (!interrupted() && Clock::now() < end) {
      if (Clock::now() >= look) {
        look = Clock::now() + std::chrono::milliseconds(200);
        for (const RosTopic& topic : node.topics())
          if (topic.publishers > 0 && topic_wanted(topic.info.name, options->topics) &&
              subscribed.insert(topic.info.name).second)
            node.subscribe(topic.info);
      }
      if (const auto message = node.next(std::chrono::milliseconds(50))) watch.add(*message);
    }
    nlohmann::json topics = nlohmann::json::array();
    for (const auto& [name, topic] : watch.topics()) {
      fmt::print("{:<60} {:>8} messages {:8.2f} Hz {:10.2f} MB/s", name, topic.messages, topic.rate_hz(),
                 topic.rate_hz() * static_cast<double>(topic.bytes) / static_cast<double>(topic.messages) * 1e-6);
      if (options->period_s > 0) fmt::print(" {:>6} missing", topic.missing);
      fmt::print(" at most {:.1f} ms late\n", static_cast<double>(topic.latest_ns) * 1e-6);
      topics.push_back({{"topic", name},
                        {"messages", topic.messages},
                        {"bytes", topic.bytes},
                        {"rate_hz", topic.rate_hz()},
                        {"missing", topic.missing},
                        {"out_of_order", topic.out_of_order},
                        {"latest_ms", static_cast<double>(topic.latest_ns) * 1e-6},
                        {"last_late_ms", static_cast<double>(topic.last_late_ns) * 1e-6}});
    }
    if (node.dropped() > 0) spdlog::warn("{} messages came faster than they could be counted", node.dropped());
    write_json(common, {{"topics", topics}, {"dropped", node.dropped()}});
  });
}

void add_call(CLI::App& cmd, CommonOptions& common) {
  struct Options {
    RosNodeOptions node;
    std::string service, type, request = "{}";
    double seconds = 5;
  };
  auto options = std::make_shared<Options>();
  options->node.name = "bramble_caller";
  auto* sub = cmd.add_subcommand("call", "ask a service, as ros2 service call does");
  sub->add_option("SERVICE", options->service, "its name")->required();
  sub->add_option("TYPE", options->type, "package/srv/Name")->required();
  sub->add_option("REQUEST", options->request, "in YAML or JSON")->capture_default_str();
  sub->add_option("--seconds", options->seconds, "how long to wait for the reply")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_ros_options(*sub, options->node);
  sub->footer(
      "Examples:\n  bramble ros call /carla/get_blueprints carla_msgs/srv/GetBlueprints\n"
      "  bramble ros call /carla/spawn_object carla_msgs/srv/SpawnObject '{type: walker.animal.deer, random_pose: "
      "true}'");
  sub->callback([options, &common] {
    const std::vector<std::uint8_t> request = message_from_yaml(options->type + "_Request", options->request);
    RosNode node(options->node);
    const auto reply = node.call(options->service, options->type, request,
                                 std::chrono::milliseconds(static_cast<std::int64_t>(1000 * options->seconds)));
    if (!reply)
      fail("{} did not answer within {:g} s; is it there (bramble ros services), in this domain?", options->service,
           options->seconds);
    const nlohmann::ordered_json answer = message_to_json(options->type + "_Response", *reply);
    fmt::print("{}\n", answer.dump(2));
    write_json(common, answer);
  });
}

}  // namespace

void add_ros_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    RosNodeOptions node;
    double seconds = 2;
  };
  auto options = std::make_shared<Options>();
  options->node.name = "bramble_looker";
  auto* cmd = app.add_subcommand("ros", "Topics, services and nodes on the ROS 2 network, without a ROS installation");
  cmd->require_subcommand(1);
  add_hz(*cmd, common);
  add_colorize(*cmd, common);
  add_call(*cmd, common);
  cmd->footer("Examples:\n  bramble ros topics\n  ROS_DOMAIN_ID=7 bramble ros nodes --seconds 5");
  const auto add = [&](const char* name, const char* about, const char* footer, auto show) {
    auto* sub = cmd->add_subcommand(name, about);
    add_ros_options(*sub, options->node);
    sub->add_option("--seconds", options->seconds, "how long to look")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    sub->footer(footer);
    sub->callback([options, &common, show] {
      const RosNode node(options->node);
      const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(options->seconds);
      while (!interrupted() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      write_json(common, show(node));
    });
  };
  add("topics", "every topic that is published or subscribed", "Examples:\n  bramble ros topics",
      [](const RosNode& node) {
        nlohmann::json figures = nlohmann::json::array();
        for (const RosTopic& topic : node.topics()) {
          fmt::print("{:<60} {:<40} {} publishing, {} subscribing{}\n", topic.info.name, topic.info.type,
                     topic.publishers, topic.subscribers, topic.info.latched ? ", latched" : "");
          figures.push_back({{"topic", topic.info.name},
                             {"type", topic.info.type},
                             {"publishers", topic.publishers},
                             {"subscribers", topic.subscribers},
                             {"latched", topic.info.latched}});
        }
        return figures;
      });
  add("services", "every service that somebody offers", "Examples:\n  bramble ros services", [](const RosNode& node) {
    nlohmann::json figures = nlohmann::json::array();
    for (const RosService& service : node.services()) {
      fmt::print("{:<60} {}\n", service.name, service.type);
      figures.push_back({{"service", service.name}, {"type", service.type}});
    }
    return figures;
  });
  add("nodes", "every node", "Examples:\n  bramble ros nodes", [](const RosNode& node) {
    for (const std::string& name : node.nodes()) fmt::print("{}\n", name);
    return nlohmann::json(node.nodes());
  });
}

}  // namespace bramble
