#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fastdds/dds/publisher/DataWriterListener.hpp>
#include <fastdds/dds/subscriber/DataReaderListener.hpp>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bramble/live/dds.hpp"
#include "bramble/live/ros_node.hpp"

/// ROS 2 services over DDS as rmw_fastrtps maps them: a topic for requests and one for replies, and which reply belongs
/// to which request stands in the sample's related identity (inline QoS of OMG's DDS-RPC 1.0, «enhanced» mapping), not
/// in the payload. For the sources of this room alone.
namespace bramble {

/// Both topics of a service, and who listens on the other side of them. The participant's endpoints must be deleted
/// before this is: DDS's threads call it until then.
class ServiceEndpoints : private dds::DataReaderListener, private dds::DataWriterListener {
 public:
  Gid reader() const { return gid_of(reader_->guid()); }
  Gid writer() const { return gid_of(writer_->guid()); }

 protected:
  using Bytes = std::vector<std::uint8_t>;
  ServiceEndpoints() = default;
  ~ServiceEndpoints() override = default;
  /// The last thing that a derived class does when it is made: arrived() may be called before this returns.
  void open(dds::DomainParticipant& participant, dds::Publisher& publisher, dds::Subscriber& subscriber,
            const std::string& name, const std::string& type, bool serves, const std::string& user_data);
  /// On a thread of DDS.
  virtual void arrived(Bytes payload, const dds::SampleInfo& sample) = 0;

  dds::DataReader* reader_ = nullptr;
  dds::DataWriter* writer_ = nullptr;
  std::atomic<bool> open_ = false;  // both are there
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Gid> readers_, writers_;  // of the other side

 private:
  void on_data_available(dds::DataReader* reader) override;
  void on_subscription_matched(dds::DataReader*, const dds::SubscriptionMatchedStatus& status) override;
  void on_publication_matched(dds::DataWriter*, const dds::PublicationMatchedStatus& status) override;
  void note(std::set<Gid>& side, const rtps::InstanceHandle_t& handle, int change);
};

class ServiceServer final : public ServiceEndpoints {
 public:
  /// `take` gets every request, on a thread of DDS.
  ServiceServer(dds::DomainParticipant& participant, dds::Publisher& publisher, dds::Subscriber& subscriber,
                const std::string& name, const std::string& type, const std::string& user_data,
                std::function<void(RosRequest)> take);
  /// Waits a little for one who asked before it was seen that he listens.
  void reply(const RosRequest& request, const Bytes& payload);

 private:
  void arrived(Bytes payload, const dds::SampleInfo& sample) override;
  std::string name_;
  std::function<void(RosRequest)> take_;
};

class ServiceClient final : public ServiceEndpoints {
 public:
  ServiceClient(dds::DomainParticipant& participant, dds::Publisher& publisher, dds::Subscriber& subscriber,
                const std::string& name, const std::string& type, const std::string& user_data) {
    open(participant, publisher, subscriber, name, type, false, user_data);
  }
  /// Waits for the service and for its reply; nothing after `timeout`.
  std::optional<Bytes> call(const Bytes& request, std::chrono::milliseconds timeout);

 private:
  void arrived(Bytes payload, const dds::SampleInfo& sample) override;
  std::map<std::int64_t, Bytes> replies_;  // since the last call began, by number of the request
};

}  // namespace bramble
