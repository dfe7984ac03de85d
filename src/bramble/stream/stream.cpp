#include "bramble/stream/stream.hpp"

#include <algorithm>

#include "bramble/core/error.hpp"
#include "bramble/core/yaml.hpp"

namespace bramble {

bool topic_wanted(const std::string& name, const std::vector<std::string>& wanted) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
}

void require_topics(const std::vector<TopicInfo>& there, const std::vector<std::string>& wanted,
                    const std::string& source_name) {
  std::vector<std::string> names;
  for (const auto& topic : there) names.push_back(topic.name);
  for (const auto& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const auto near = nearest_word(name, names);
    fail("{} has no topic {}{}; topics there: {}", source_name, name,
         near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
}

}  // namespace bramble
