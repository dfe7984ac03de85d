#pragma once
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "bramble/serve/hub.hpp"
#include "bramble/stream/message.hpp"

namespace bramble {

/// Compressed forms of picture topics for browsers, made by a thread of its own so that the source need not wait, and
/// only while somebody has subscribed. Of each topic the newest picture counts. Any
/// thread may call.
class ImageChannels {
 public:
  explicit ImageChannels(LiveHub& hub);
  ~ImageChannels();
  ImageChannels(const ImageChannels&) = delete;
  ImageChannels& operator=(const ImageChannels&) = delete;

  /// Adds the channel TOPIC/compressed.
  void add(const std::string& topic);
  /// Takes a picture of an added topic; others are ignored.
  void take(const Message& message);
  /// Picture topics whose compressed channel is subscribed.
  std::set<std::string> wanted() const;
  /// Milliseconds that making one picture takes, lately.
  double encode_ms() const { return encode_ms_; }

 private:
  struct Slot {
    ChannelId channel = 0;
    bool labels = false;
    bool broken = false;  // has been told of
    std::optional<Message> newest;
  };
  void work();
  LiveHub& hub_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<std::string, Slot> slots_;
  bool ending_ = false;
  std::atomic<double> encode_ms_ = 0;
  std::thread thread_;
};

}  // namespace bramble
