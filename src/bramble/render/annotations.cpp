#include "bramble/render/annotations.hpp"

#include <algorithm>
#include <map>

#include "bramble/core/error.hpp"
#include "bramble/world/world.hpp"

namespace bramble {
namespace {

bool is_thing(std::uint32_t instance) {
  return instance != kGroundInstanceId && instance != kWaterInstanceId && instance != kSkyInstanceId;
}

void require_same_size(const ImageU32& instance, const ImageU8& semantic) {
  if (instance.width != semantic.width || instance.height != semantic.height)
    fail("the instance picture is {}x{}, the class picture {}x{}", instance.width, instance.height, semantic.width,
         semantic.height);
}

}  // namespace

std::vector<InstanceBox> instance_boxes(const ImageU32& instance, const ImageU8& semantic, std::int64_t min_pixels) {
  require_same_size(instance, semantic);
  std::map<std::uint32_t, InstanceBox> boxes;
  for (int v = 0; v < instance.height; ++v)
    for (int u = 0; u < instance.width; ++u) {
      const std::uint32_t id = *instance.at(u, v);
      if (!is_thing(id)) continue;
      const auto [entry, is_new] = boxes.try_emplace(id, InstanceBox{id, *semantic.at(u, v), u, v, u + 1, v + 1, 0});
      InstanceBox& box = entry->second;
      box.u0 = std::min(box.u0, u);
      box.u1 = std::max(box.u1, u + 1);
      box.v1 = v + 1;
      ++box.pixels;
    }
  std::vector<InstanceBox> result;
  for (const auto& [id, box] : boxes)
    if (box.pixels >= min_pixels) result.push_back(box);
  return result;
}

ImageU32 panoptic_ids(const ImageU32& instance, const ImageU8& semantic) {
  require_same_size(instance, semantic);
  std::map<std::uint32_t, std::uint32_t> number;  // of each thing within its class
  std::map<ClassId, std::uint32_t> count;
  for (const InstanceBox& box : instance_boxes(instance, semantic))
    number[box.instance] = std::min(++count[box.class_id], 999U);
  ImageU32 ids(instance.width, instance.height, 1);
  for (std::size_t i = 0; i < ids.data.size(); ++i) {
    const std::uint32_t id = semantic.data[i];
    const bool thing = is_thing(instance.data[i]) && id != kIgnoreId;
    ids.data[i] = thing ? id * 1000 + number.at(instance.data[i]) : id;
  }
  return ids;
}

}  // namespace bramble
