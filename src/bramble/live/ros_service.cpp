#include "bramble/live/ros_service.hpp"

#include <algorithm>
#include <fastdds/dds/subscriber/SampleInfo.hpp>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

rtps::GUID_t guid_of(const Gid& gid) {
  rtps::GUID_t guid;
  std::copy_n(gid.begin(), 12, guid.guidPrefix.value);
  std::copy_n(gid.begin() + 12, 4, guid.entityId.value);
  return guid;
}

bool same_participant(const Gid& a, const Gid& b) { return std::equal(a.begin(), a.begin() + 12, b.begin()); }

// By the kind in its entity id (RTPS 2.2, 9.3.1.2).
bool is_reader(const Gid& gid) { return (gid.back() & 0x07) == 0x04 || (gid.back() & 0x07) == 0x07; }

std::int64_t number_of(const rtps::SequenceNumber_t& number) { return static_cast<std::int64_t>(number.to64long()); }

}  // namespace

void ServiceEndpoints::open(dds::DomainParticipant& participant, dds::Publisher& publisher, dds::Subscriber& subscriber,
                            const std::string& name, const std::string& type, bool serves,
                            const std::string& user_data) {
  dds::Topic* const requests = open_topic(participant, "rq" + name + "Request", dds_type_name(type + "_Request"));
  dds::Topic* const replies = open_topic(participant, "rr" + name + "Reply", dds_type_name(type + "_Response"));
  // The reader is there before the writer: who sees that a client asks can be heard by it.
  reader_ = subscriber.create_datareader(serves ? requests : replies, reader_qos(false, true, user_data), this,
                                         dds::StatusMask::data_available() << dds::StatusMask::subscription_matched());
  writer_ = publisher.create_datawriter(serves ? replies : requests, writer_qos(false, false, user_data), this,
                                        dds::StatusMask::publication_matched());
  if (!reader_ || !writer_) fail("the service {} of type {} could not be opened", name, type);
  open_ = true;
}

void ServiceEndpoints::on_data_available(dds::DataReader* reader) {
  Bytes payload;
  dds::SampleInfo sample;
  while (reader->take_next_sample(&payload, &sample) == ReturnCode_t::RETCODE_OK)
    if (sample.valid_data) arrived(std::move(payload), sample);
}

void ServiceEndpoints::note(std::set<Gid>& side, const rtps::InstanceHandle_t& handle, int change) {
  const std::lock_guard lock(mutex_);
  const Gid gid = gid_of(rtps::iHandle2GUID(handle));
  if (change > 0)
    side.insert(gid);
  else
    side.erase(gid);
  changed_.notify_all();
}

void ServiceEndpoints::on_subscription_matched(dds::DataReader*, const dds::SubscriptionMatchedStatus& status) {
  note(writers_, status.last_publication_handle, status.current_count_change);
}

void ServiceEndpoints::on_publication_matched(dds::DataWriter*, const dds::PublicationMatchedStatus& status) {
  note(readers_, status.last_subscription_handle, status.current_count_change);
}

ServiceServer::ServiceServer(dds::DomainParticipant& participant, dds::Publisher& publisher,
                             dds::Subscriber& subscriber, const std::string& name, const std::string& type,
                             const std::string& user_data, std::function<void(RosRequest)> take)
    : name_(name), take_(std::move(take)) {
  open(participant, publisher, subscriber, name, type, true, user_data);
}

void ServiceServer::arrived(Bytes payload, const dds::SampleInfo& sample) {
  RosRequest request;
  request.service = name_;
  // Who listens for the reply, where the client says so (ROS 2 does since Galactic); else who wrote.
  const rtps::GUID_t& listener = sample.related_sample_identity.writer_guid();
  request.client = gid_of(listener == rtps::GUID_t::unknown() ? sample.sample_identity.writer_guid() : listener);
  request.number = number_of(sample.sample_identity.sequence_number());
  request.cdr = std::make_shared<const Bytes>(std::move(payload));
  take_(std::move(request));
}

void ServiceServer::reply(const RosRequest& request, const Bytes& payload) {
  constexpr std::chrono::milliseconds kPatience(200);
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] {
      if (is_reader(request.client)) return readers_.contains(request.client);
      return std::any_of(readers_.begin(), readers_.end(),
                         [&](const Gid& reader) { return same_participant(reader, request.client); });
    });
  }
  rtps::WriteParams parameters;
  parameters.related_sample_identity().writer_guid(guid_of(request.client));
  rtps::SequenceNumber_t number;
  number.high = static_cast<std::int32_t>(request.number >> 32);
  number.low = static_cast<std::uint32_t>(request.number);
  parameters.related_sample_identity().sequence_number(number);
  writer_->write(const_cast<Bytes*>(&payload), parameters);  // NOLINT: it only reads
}

std::optional<ServiceEndpoints::Bytes> ServiceClient::call(const Bytes& request, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  const auto served = [&] {
    return std::any_of(readers_.begin(), readers_.end(), [&](const Gid& reader) {
      return std::any_of(writers_.begin(), writers_.end(),
                         [&](const Gid& writer) { return same_participant(reader, writer); });
    });
  };
  replies_.clear();  // what came too late for the call before
  if (!changed_.wait_until(lock, until, served)) return std::nullopt;
  lock.unlock();
  rtps::WriteParams parameters;
  parameters.related_sample_identity().writer_guid(reader_->guid());
  if (!writer_->write(const_cast<Bytes*>(&request), parameters)) return std::nullopt;  // NOLINT: it only reads
  const std::int64_t number = number_of(parameters.sample_identity().sequence_number());
  lock.lock();
  if (!changed_.wait_until(lock, until, [&] { return replies_.contains(number); })) return std::nullopt;
  auto reply = replies_.extract(number);
  return std::move(reply.mapped());
}

void ServiceClient::arrived(Bytes payload, const dds::SampleInfo& sample) {
  if (!open_) return;  // nothing has been asked yet
  const Gid asked = gid_of(sample.related_sample_identity.writer_guid());
  if (asked != reader() && asked != writer()) return;  // somebody else's
  const std::lock_guard lock(mutex_);
  replies_[number_of(sample.related_sample_identity.sequence_number())] = std::move(payload);
  changed_.notify_all();
}

}  // namespace bramble
