#include "bramble/record/recorder.hpp"

#include "bramble/bag/bag_reader.hpp"
#include "bramble/core/error.hpp"
#include "bramble/core/file.hpp"
#include "bramble/core/interrupt.hpp"
#include "bramble/core/progress.hpp"

namespace bramble {

namespace fs = std::filesystem;

RecordedDrive record_drive(const fs::path& folder, const SimulationFactory& simulation, std::int64_t samples,
                           int sensor_every, std::int64_t samples_per_file, BagOptions options) {
  const fs::path draft = folder.parent_path() / ".unfinished" / folder.filename();
  RecordedDrive result;
  result.samples = samples;
  if (fs::exists(folder)) {
    result.was_complete = true;
    result.resumed_at = samples;
    result.messages = BagReader(folder).metadata().message_count;
    return result;
  }
  options.resume = true;
  BagWriter bag(draft, options);
  result.resumed_at = std::min(samples, static_cast<std::int64_t>(bag.whole_files()) * samples_per_file);
  const auto sim = simulation(result.resumed_at * sensor_every, result.resumed_at > 0);
  for (const TopicInfo& topic : sim->topics())
    if (sim->wants(topic.name)) bag.add_topic(topic);
  require_free_space(folder.parent_path(),
                     sim->bytes_per_frame() * static_cast<std::uint64_t>(samples - result.resumed_at) * 102 / 100,
                     "the bag");
  {
    Progress progress(folder.filename().string(), static_cast<std::uint64_t>(samples));
    progress.advance(static_cast<std::uint64_t>(result.resumed_at));
    std::int64_t last = -1;
    while (const auto message = sim->next()) {
      const std::int64_t frame = sim->frame().index;
      if (frame != last) {  // the frame before is complete
        throw_if_interrupted();
        const std::int64_t sample = frame / sensor_every;
        if (frame % sensor_every == 0) {
          if (sample > result.resumed_at) progress.advance();
          if (sample > result.resumed_at && sample % samples_per_file == 0) bag.split();
        }
        last = frame;
      }
      bag.write(*message);
    }
    progress.advance();
  }
  bag.close();
  write_file_atomically(draft / kTraceName, sim->trace().to_csv());
  result.messages = bag.message_count();
  result.bytes = bag.byte_count();
  fs::rename(draft, folder);
  std::error_code ignored;
  fs::remove(draft.parent_path(), ignored);  // empty unless another drive is at work there
  return result;
}

}  // namespace bramble
