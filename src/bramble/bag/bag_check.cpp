#include "bramble/bag/bag_check.hpp"

#include <algorithm>
#include <map>

#include "bramble/bag/bag_reader.hpp"
#include "bramble/bag/sqlite.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/ros/image_view.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kListedProblems = 20;  // of one topic

// What SQLite itself finds wrong in a file, and rows that no reader gives.
void check_file(const fs::path& file, std::vector<std::string>& problems) {
  // MCAP's checksums are verified when it is read, and zstd's when a file is unpacked.
  if (file.extension() != ".db3") return;
  try {
    const SqliteDatabase database(file, SqliteDatabase::Mode::kRead);
    SqliteStatement integrity(database, "PRAGMA integrity_check(5)");
    while (integrity.step())
      if (const auto line = integrity.text(0); line != "ok")
        problems.push_back(fmt::format("{}: {}", file.string(), line.substr(0, line.find('\n'))));
    SqliteStatement orphans(database, "SELECT count(*) FROM messages WHERE topic_id NOT IN (SELECT id FROM topics)");
    if (orphans.step() && orphans.integer(0) > 0)
      problems.push_back(fmt::format("{}: {} messages name no known topic", file.string(), orphans.integer(0)));
  } catch (const Error& error) {
    problems.emplace_back(error.what());
  }
}

void check_payload_of(const Message& message, const MessageType* type) {
  if (type == nullptr) return;
  type->check(*message.cdr);
  if (type->name == sensor_msgs::Image::kType) (void)ImageView::parse(*message.cdr);
}

// What metadata.yaml says against what was read.
void compare_with_metadata(const BagReader& reader, const BagCheck& found, std::vector<std::string>& problems) {
  const auto& metadata = reader.metadata();
  const auto at = reader.path().string();
  if (metadata.message_count != found.message_count)
    problems.push_back(
        fmt::format("{}: the index says {} messages, {} were read", at, metadata.message_count, found.message_count));
  StampNs first = 0, last = 0;
  bool any = false;
  for (const auto& topic : found.topics) {
    if (topic.message_count == 0) continue;
    first = any ? std::min(first, topic.first_ns) : topic.first_ns;
    last = any ? std::max(last, topic.last_ns) : topic.last_ns;
    any = true;
  }
  if (any && metadata.start_ns != first)
    problems.push_back(
        fmt::format("{}: the index says start {}, the first message is at {}", at, metadata.start_ns, first));
  if (any && metadata.duration_ns != duration_between(first, last))
    problems.push_back(fmt::format("{}: the index says a duration of {} ns, the messages span {} ns", at,
                                   metadata.duration_ns, duration_between(first, last)));
  for (const auto& topic : metadata.topics) {
    const auto same = std::find_if(found.topics.begin(), found.topics.end(),
                                   [&](const auto& t) { return t.info.name == topic.info.name; });
    const std::uint64_t count = same == found.topics.end() ? 0 : same->message_count;
    if (topic.message_count != count)
      problems.push_back(fmt::format("{}: the index says {} messages of {}, {} were read", at, topic.message_count,
                                     topic.info.name, count));
  }
}

}  // namespace

BagCheck check_bag(const fs::path& bag, const std::function<void()>& each) {
  BagReader reader(bag, {}, Damage::kRecover);
  BagCheck found;
  for (const auto& file : reader.files()) check_file(file, found.problems);
  std::map<std::string, std::size_t> index;
  std::map<std::string, std::uint64_t> bad;
  std::vector<const MessageType*> types;
  for (const auto& topic : reader.topics()) {
    index[topic.name] = found.topics.size();
    types.push_back(find_message_type(topic.type));
    found.topics.push_back({topic, 0, 0, 0, 0, types.back() != nullptr});
  }
  while (const auto message = reader.next()) {
    throw_if_interrupted();
    if (!index.contains(message->topic.name)) {  // in a file, but not in metadata.yaml
      index[message->topic.name] = found.topics.size();
      types.push_back(find_message_type(message->topic.type));
      found.topics.push_back({message->topic, 0, 0, 0, 0, types.back() != nullptr});
      found.problems.push_back(
          fmt::format("{}: the index does not list the topic {}", bag.string(), message->topic.name));
    }
    const std::size_t at = index[message->topic.name];
    auto& topic = found.topics[at];
    try {
      check_payload_of(*message, types[at]);
    } catch (const Error& error) {
      if (++bad[topic.info.name] <= kListedProblems)
        found.problems.push_back(fmt::format("{}: message {} at {} ns ({}): {}", topic.info.name, topic.message_count,
                                             message->stamp_ns, topic.info.type, error.what()));
    }
    topic.first_ns = topic.message_count == 0 ? message->stamp_ns : std::min(topic.first_ns, message->stamp_ns);
    topic.last_ns = topic.message_count == 0 ? message->stamp_ns : std::max(topic.last_ns, message->stamp_ns);
    ++topic.message_count;
    topic.bytes += message->cdr->size();
    ++found.message_count;
    found.bytes += message->cdr->size();
    if (each) each();
  }
  for (const auto& [name, count] : bad)
    if (count > kListedProblems)
      found.problems.push_back(fmt::format("{}: {} more messages are malformed", name, count - kListedProblems));
  // The same damage may have been met by SQLite's check and by the reading.
  for (const auto& line : reader.damage())
    if (std::find(found.problems.begin(), found.problems.end(), line) == found.problems.end())
      found.problems.push_back(line);
  compare_with_metadata(reader, found, found.problems);
  return found;
}

}  // namespace bramble
