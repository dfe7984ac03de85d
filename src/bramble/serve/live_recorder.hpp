#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bramble/bag/bag_writer.hpp"

namespace bramble {

/// What the record button does: bags that begin and end while messages flow. Any thread may call.
class LiveRecorder {
 public:
  /// Bags are made in `folder`, named by the time they begin («2026-11-25_18-40-12», UTC). `topics`: only these; empty:
  /// all.
  LiveRecorder(std::filesystem::path folder, std::vector<std::string> topics, BagOptions options);
  ~LiveRecorder();

  /// Begins a bag with the latched messages that came before; nothing happens while one is being written. Throws Error.
  void start();
  /// Ends the bag; nothing happens when there is none. Throws Error when it cannot be completed.
  void stop();
  /// Throws Error on a full disk; the recording has ended then.
  void write(const Message& message);

  bool active() const;
  bool wants(const std::string& topic) const;
  const std::vector<std::string>& topics() const { return topics_; }
  struct State {
    bool active = false;
    std::filesystem::path bag;  ///< the one in work, or the last
    std::uint64_t messages = 0, bytes = 0;
  };
  State state() const;

 private:
  std::filesystem::path folder_;
  std::vector<std::string> topics_;
  BagOptions options_;
  mutable std::mutex mutex_;
  std::unique_ptr<BagWriter> bag_;
  State last_;
  std::map<std::string, Message> latched_;  // by topic, the last
};

}  // namespace bramble
