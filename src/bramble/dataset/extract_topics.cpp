#include "bramble/dataset/extract_topics.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/dataset/decode.hpp"

namespace bramble {
namespace {

// The words of a topic name, lower case: /carla/hero/rgb_front/image → carla, hero, rgb, front, image.
std::set<std::string> words_of(const std::string& topic) {
  std::set<std::string> words;
  std::string word;
  for (const char c : topic + "/") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!word.empty()) {
      words.insert(word);
      word.clear();
    }
  }
  return words;
}

bool has_any(const std::string& text, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return text.find(part) != std::string::npos; });
}

std::size_t shared_words(const std::string& a, const std::string& b) {
  const auto wa = words_of(a), wb = words_of(b);
  return static_cast<std::size_t>(std::count_if(wa.begin(), wa.end(), [&](const auto& w) { return wb.contains(w); }));
}

// The candidate that shares the most words, when only one does.
std::string best_partner(const std::string& topic, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t most = 0, times = 0;
  for (const auto& candidate : candidates) {
    const auto shared = shared_words(topic, candidate);
    if (times == 0 || shared > most) {
      best = candidate;
      most = shared;
      times = 1;
    } else if (shared == most) {
      ++times;
    }
  }
  return times == 1 ? best : "";
}

}  // namespace

TopicRole role_of(const TopicInfo& topic) {
  if (!is_picture_type(topic.type)) return TopicRole::kOther;
  std::string name = topic.name;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (has_any(name, {"instance", "normal", "flow", "debug", "overlay", "theora"})) return TopicRole::kOther;
  if (has_any(name, {"depth"})) return TopicRole::kDepth;
  if (has_any(name, {"semantic", "segmentation", "label", "mask"})) return TopicRole::kLabel;
  return TopicRole::kPicture;
}

std::vector<CameraTopics> find_cameras(const std::vector<TopicInfo>& topics, const std::string& bag) {
  std::vector<std::string> pictures, labels, depths, everything;
  for (const auto& topic : topics) {
    everything.push_back(fmt::format("{} ({})", topic.name, topic.type));
    const auto role = role_of(topic);
    if (role == TopicRole::kPicture) pictures.push_back(topic.name);
    if (role == TopicRole::kLabel) labels.push_back(topic.name);
    if (role == TopicRole::kDepth) depths.push_back(topic.name);
  }
  const auto doubt = [&](const std::string& what) {
    fail("bag {}: {}; name them with --image and --label. There are: {}", bag, what, fmt::join(everything, ", "));
  };
  if (pictures.empty() || labels.empty())
    doubt(fmt::format("no topic looks like {}", pictures.empty() ? "pictures" : "labels"));
  std::vector<CameraTopics> cameras;
  std::set<std::string> taken;
  for (const auto& label : labels) {
    const std::string picture = pictures.size() == 1 ? pictures.front() : best_partner(label, pictures);
    if (picture.empty() || !taken.insert(picture).second)
      doubt(fmt::format("several topics look like pictures or labels ({}; {})", fmt::join(pictures, ", "),
                        fmt::join(labels, ", ")));
    cameras.push_back(
        {picture, label, depths.size() == 1 && labels.size() == 1 ? depths.front() : best_partner(label, depths), ""});
  }
  return cameras;
}

std::string find_only(const std::vector<TopicInfo>& topics, const std::vector<std::string>& types,
                      const std::string& option, const std::string& bag) {
  std::vector<std::string> found;
  for (const auto& topic : topics)
    if (std::find(types.begin(), types.end(), topic.type) != types.end()) found.push_back(topic.name);
  if (found.size() == 1) return found.front();
  fail("bag {}: {} {}; name one with {}", bag, found.empty() ? "no topic is a" : "several topics are a",
       fmt::join(types, " or "), found.empty() ? option : fmt::format("{}: {}", option, fmt::join(found, ", ")));
}

void name_cameras(std::vector<CameraTopics>& cameras) {
  const auto tail = [](const std::string& topic, int parts) {
    // «…/rgb_front/image» with 1 part is «rgb_front»: the last word says only what it is.
    std::string path = topic.substr(0, topic.rfind('/') == 0 ? std::string::npos : topic.rfind('/'));
    std::size_t begin = path.size();
    for (int i = 0; i < parts && begin != std::string::npos && begin > 0; ++i) begin = path.rfind('/', begin - 1);
    std::string name =
        begin == std::string::npos || begin == 0 ? path.substr(path.find_first_not_of('/')) : path.substr(begin + 1);
    for (char& c : name)
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') c = '_';
    return name;
  };
  for (int parts = 1; parts < 10; ++parts) {
    std::multiset<std::string> names;
    for (const auto& camera : cameras) names.insert(tail(camera.image, parts));
    bool done = true;
    for (const auto& camera : cameras) done = done && names.count(tail(camera.image, parts)) == 1;
    if (!done && parts < 9) continue;
    for (auto& camera : cameras)
      if (camera.name.empty()) camera.name = tail(camera.image, parts);
    return;
  }
}

}  // namespace bramble
