#include "bramble/dataset/variation_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {

namespace fs = std::filesystem;

void write_variation_log(const std::vector<fs::path>& bags, const std::vector<std::string>& prefixes,
                         const fs::path& folder, Damage damage) {
  const std::string topic = "/bramble/variation";
  std::string lines;
  for (std::size_t i = 0; i < bags.size(); ++i) {
    {
      const auto topics = BagReader(bags[i], {}, damage).topics();
      if (std::none_of(topics.begin(), topics.end(), [&](const TopicInfo& info) { return info.name == topic; }))
        continue;
    }
    BagReader reader(bags[i], {topic}, damage);
    while (const auto message = reader.next()) {
      const std::string name = fmt::format("{}_{:013}", prefixes[i], message->stamp_ns);
      if (!fs::exists(folder / "images" / (name + ".png"))) continue;
      const auto text = deserialize<std_msgs::String>(*message->cdr).data;
      const auto drawn = nlohmann::ordered_json::parse(text, nullptr, false);
      if (!drawn.is_object()) fail("{}: {} at {} ns is no JSON object", bags[i].string(), topic, message->stamp_ns);
      nlohmann::ordered_json line = {{"name", name}, {"stamp_ns", message->stamp_ns}};
      line.update(drawn);
      lines += line.dump() + "\n";
    }
  }
  if (!lines.empty()) write_file_atomically(folder / "variation.jsonl", lines);
}

}  // namespace bramble
