#include "bramble/live/dds.hpp"

#include <algorithm>
#include <cstring>
#include <fastdds/dds/topic/TopicDataType.hpp>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::int32_t kDepth = 10;  // of ROS 2's default profile

// Any type as the CDR bytes that it is on the wire, encapsulation header included.
class OpaqueType final : public dds::TopicDataType {
 public:
  explicit OpaqueType(const std::string& name) {
    setName(name.c_str());
    m_typeSize = 4096;  // to begin with; histories grow
    m_isGetKeyDefined = false;
    auto_fill_type_object(false);
    auto_fill_type_information(false);
  }
  bool serialize(void* data, rtps::SerializedPayload_t* payload) override {
    const auto& bytes = *static_cast<const Bytes*>(data);
    if (bytes.size() > payload->max_size) return false;
    std::memcpy(payload->data, bytes.data(), bytes.size());
    payload->length = static_cast<std::uint32_t>(bytes.size());
    payload->encapsulation = bytes.size() > 1 && bytes[1] == 0 ? CDR_BE : CDR_LE;
    return true;
  }
  bool deserialize(rtps::SerializedPayload_t* payload, void* data) override {
    static_cast<Bytes*>(data)->assign(payload->data, payload->data + payload->length);
    return true;
  }
  std::function<std::uint32_t()> getSerializedSizeProvider(void* data) override {
    return [data] { return static_cast<std::uint32_t>(static_cast<const Bytes*>(data)->size()); };
  }
  void* createData() override { return new Bytes; }
  void deleteData(void* data) override { delete static_cast<Bytes*>(data); }
  bool getKey(void*, rtps::InstanceHandle_t*, bool) override { return false; }
};

}  // namespace

Gid gid_of(const rtps::GUID_t& guid) {
  Gid gid;
  std::copy_n(guid.guidPrefix.value, 12, gid.begin());
  std::copy_n(guid.entityId.value, 4, gid.begin() + 12);
  return gid;
}

dds::Topic* open_topic(dds::DomainParticipant& participant, const std::string& name, const std::string& dds_type) {
  if (dds::TopicDescription* const there = participant.lookup_topicdescription(name))
    return static_cast<dds::Topic*>(there);
  if (participant.find_type(dds_type).empty()) participant.register_type(dds::TypeSupport(new OpaqueType(dds_type)));
  dds::Topic* const topic = participant.create_topic(name, dds_type, dds::TOPIC_QOS_DEFAULT);
  if (!topic) fail("the topic {} of type {} could not be opened", name, dds_type);
  return topic;
}

dds::DataWriterQos writer_qos(bool latched, bool best_effort, const std::string& user_data) {
  dds::DataWriterQos qos;
  qos.reliability().kind = best_effort ? dds::BEST_EFFORT_RELIABILITY_QOS : dds::RELIABLE_RELIABILITY_QOS;
  qos.durability().kind = latched ? dds::TRANSIENT_LOCAL_DURABILITY_QOS : dds::VOLATILE_DURABILITY_QOS;
  qos.history().kind = dds::KEEP_LAST_HISTORY_QOS;
  qos.history().depth = latched ? 1 : kDepth;
  qos.endpoint().history_memory_policy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
  qos.data_sharing().off();
  qos.publish_mode().kind = dds::ASYNCHRONOUS_PUBLISH_MODE;  // a picture must not hold up who makes the next one
  qos.representation().m_value.push_back(dds::XCDR_DATA_REPRESENTATION);
  if (!user_data.empty()) set_text(qos.user_data(), user_data, false);
  return qos;
}
dds::DataReaderQos reader_qos(bool latched, bool reliable, const std::string& user_data) {
  dds::DataReaderQos qos;
  qos.reliability().kind = reliable ? dds::RELIABLE_RELIABILITY_QOS : dds::BEST_EFFORT_RELIABILITY_QOS;
  qos.durability().kind = latched ? dds::TRANSIENT_LOCAL_DURABILITY_QOS : dds::VOLATILE_DURABILITY_QOS;
  qos.history().kind = dds::KEEP_LAST_HISTORY_QOS;
  qos.history().depth = 5 * kDepth;
  qos.endpoint().history_memory_policy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
  qos.data_sharing().off();
  if (!user_data.empty()) set_text(qos.user_data(), user_data, false);
  return qos;
}

}  // namespace bramble
