#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bramble/bag/metadata.hpp"
#include "bramble/stream/message.hpp"

namespace bramble {

/// One storage file of a bag being written.
class StorageWriter {
 public:
  virtual ~StorageWriter() = default;
  /// Topics are numbered from 0 in the order of these calls.
  virtual void add_topic(const TopicInfo& topic) = 0;
  virtual void write(std::size_t topic, StampNs stamp_ns, std::span<const std::uint8_t> cdr) = 0;
  /// What was written before survives a kill from now on.
  virtual void commit() = 0;
  /// Ends the file; `metadata` is the bag's so far, for layouts that keep it in the file.
  virtual void close(const BagMetadata& metadata) = 0;
};

/// One storage file of a bag being read.
class StorageReader {
 public:
  virtual ~StorageReader() = default;
  /// Topics with their counts, number of messages and times: metadata.yaml for this file alone.
  virtual BagMetadata content() = 0;
  /// The next message of a topic in `wanted` (empty: all), in order of time. `latched` is as the file says.
  virtual std::optional<Message> next() = 0;
  /// The next message is the first of this stamp or later. False: this storage cannot, it must be read up to there.
  virtual bool seek(StampNs) { return false; }
  /// What could not be read, a line each (Damage::kRecover).
  virtual const std::vector<std::string>& damage() const = 0;
};

}  // namespace bramble
