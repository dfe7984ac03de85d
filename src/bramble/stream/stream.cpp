#include "bramble/stream/stream.hpp"

#include <algorithm>
#include <exception>

#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
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

std::uint64_t pump(Source& source, std::span<Sink* const> sinks, const std::function<bool(const Message&)>& each) {
  std::uint64_t count = 0;
  for (;;) {
    throw_if_interrupted();
    const auto message = source.next();
    if (!message) return count;
    for (Sink* sink : sinks) sink->write(*message);
    ++count;
    if (each && !each(*message)) return count;
  }
}

TopicFilter::TopicFilter(Source& source, std::vector<std::string> wanted, const std::string& source_name)
    : source_(source), wanted_(std::move(wanted)) {
  require_topics(source_.topics(), wanted_, source_name);
}

std::vector<TopicInfo> TopicFilter::topics() const {
  auto topics = source_.topics();
  std::erase_if(topics, [&](const TopicInfo& topic) { return !topic_wanted(topic.name, wanted_); });
  return topics;
}

std::optional<Message> TopicFilter::next() {
  while (auto message = source_.next())
    if (topic_wanted(message->topic.name, wanted_)) return message;
  return std::nullopt;
}

void FanOut::write(const Message& message) {
  for (Sink* sink : sinks_) sink->write(message);
}

void FanOut::close() {
  std::exception_ptr first;
  for (Sink* sink : sinks_) try {
      sink->close();
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  if (first) std::rethrow_exception(first);
}

}  // namespace bramble
