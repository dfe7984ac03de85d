#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "bramble/bag/bag_reader.hpp"

namespace bramble {

/// Writes FOLDER/variation.jsonl out of the topic /bramble/variation of the bags that have it: for each sample in
/// FOLDER one line {"name", "stamp_ns", "frame", "seed", "draws": {parameter: value}}, in the order of the bags. With
/// `frame` and `seed`, `bramble record --from-frame FRAME --frames 1 --variation-seed SEED` makes the sample's picture
/// again. `prefixes`: what the samples of each bag are called before their stamp. No file when no bag has the topic.
void write_variation_log(const std::vector<std::filesystem::path>& bags, const std::vector<std::string>& prefixes,
                         const std::filesystem::path& folder, Damage damage);

}  // namespace bramble
