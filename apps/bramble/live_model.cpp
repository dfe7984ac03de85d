#include "live_model.hpp"

#include "bramble/core/error.hpp"

#ifdef BRAMBLE_LEARNING
#include <fmt/format.h>

#include <algorithm>

#include "bramble/eval/evaluation.hpp"
#include "bramble/infer/engine.hpp"
#include "bramble/infer/node.hpp"
#include "command.hpp"

namespace bramble {
namespace {

class OpenedModel final : public LiveModel {
 public:
  explicit OpenedModel(const DashboardOptions& options)
      : name_(options.model.string()),
        engine_(Engine::open(find_model(options.model), {.precision = parse_precision(options.precision)})) {
    fmt::print("{}: {}\n", name_, engine_->describe());
    node_options_.image_topic = options.image_topic;
    node_options_.label_topic = options.label_topic;
  }

  void join(LiveSession& session, const Ontology& classes) override {
    const auto topics = session.source().topics();
    const auto there = [&](const std::string& name) {
      return std::any_of(topics.begin(), topics.end(), [&](const TopicInfo& topic) { return topic.name == name; });
    };
    // What is live on a network may come later; a simulation or a bag has all its topics.
    if (session.source().paced()) {
      require_topics(topics, {node_options_.image_topic}, session.source().name());
      if (!there(node_options_.label_topic)) node_options_.label_topic.clear();
    }
    if (session.source().kind() == "sim") require_same_classes(name_, engine_->ontology(), "the world", classes);
    node_ = std::make_unique<SegmentationNode>(*engine_, node_options_, &session.output());
    LiveSink sink{"infer", node_.get(), {node_options_.image_topic}, topics_of(node_options_, engine_->ontology())};
    if (!node_options_.label_topic.empty()) sink.inputs.push_back(node_options_.label_topic);
    session.add_sink(std::move(sink));
    session.show_score([this] { return score(); });
  }

 private:
  nlohmann::json score() const {
    if (node_->frames_scored() == 0) return nullptr;
    nlohmann::json iou = nlohmann::json::object();
    for (const SemanticClass& c : engine_->ontology().classes())
      if (const auto value = node_->score().iou(c.id)) iou[c.name] = *value;
    return {{"frames", node_->frames_scored()},
            {"accuracy", node_->score().accuracy().value_or(0)},
            {"miou", node_->score().mean_iou().value_or(0)},
            {"iou", iou}};
  }

  std::string name_;
  std::unique_ptr<Engine> engine_;
  NodeOptions node_options_;
  std::unique_ptr<SegmentationNode> node_;
};

}  // namespace

std::unique_ptr<LiveModel> open_live_model(const DashboardOptions& options) {
  return std::make_unique<OpenedModel>(options);
}

}  // namespace bramble

#else

namespace bramble {

std::unique_ptr<LiveModel> open_live_model(const DashboardOptions& options) {
  fail("{} cannot be run: this build has no inference (CMake option BRAMBLE_LEARNING)", options.model.string());
}

}  // namespace bramble

#endif
