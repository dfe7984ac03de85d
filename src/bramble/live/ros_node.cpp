#include "bramble/live/ros_node.hpp"

#include <fastdds/rtps/transport/UDPv4TransportDescriptor.h>
#include <fastdds/rtps/transport/shared_mem/SharedMemTransportDescriptor.h>
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/domain/DomainParticipantListener.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/DataReaderListener.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <fastdds/dds/topic/TopicDataType.hpp>
#include <map>
#include <mutex>

#include "bramble/core/error.hpp"
#include "bramble/live/graph_message.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

namespace dds = eprosima::fastdds::dds;
namespace rtps = eprosima::fastrtps::rtps;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kSegmentBytes = 64U << 20;  // of shared memory: several pictures of 3 MB
constexpr std::int32_t kDepth = 10;                 // of ROS 2's default profile
constexpr const char* kGraphTopic = "ros_discovery_info";
constexpr const char* kGraphType = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";

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

int domain_of_environment() {
  const char* const text = std::getenv("ROS_DOMAIN_ID");
  if (!text || !*text) return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != '\0' || value < 0 || value > 232) fail("ROS_DOMAIN_ID is '{}'; it must be a number from 0 to 232", text);
  return static_cast<int>(value);
}

bool localhost_only() {
  const char* const text = std::getenv("ROS_LOCALHOST_ONLY");
  return text && std::string(text) == "1";
}

Gid gid_of(const rtps::GUID_t& guid) {
  Gid gid;
  std::copy_n(guid.guidPrefix.value, 12, gid.begin());
  std::copy_n(guid.entityId.value, 4, gid.begin() + 12);
  return gid;
}

template <typename Octets>
void set_text(Octets& user_data, const std::string& text, bool with_zero) {
  user_data.assign(text.begin(), text.end());
  if (with_zero) user_data.push_back(0);
}

}  // namespace

std::string dds_type_name(const std::string& ros_type) {
  const auto first = ros_type.find('/'), last = ros_type.rfind('/');
  if (first == std::string::npos || first == last || last + 1 == ros_type.size())
    fail("'{}' is no type of ROS 2; one looks like sensor_msgs/msg/Image", ros_type);
  return fmt::format("{}::{}::dds_::{}_", ros_type.substr(0, first), ros_type.substr(first + 1, last - first - 1),
                     ros_type.substr(last + 1));
}

std::string ros_type_name(const std::string& dds_type) {
  const auto middle = dds_type.find("::dds_::");
  const auto package = dds_type.find("::");
  if (middle == std::string::npos || package == middle || !dds_type.ends_with('_')) return {};
  const auto name = middle + 8;
  return fmt::format("{}/{}/{}", dds_type.substr(0, package), dds_type.substr(package + 2, middle - package - 2),
                     dds_type.substr(name, dds_type.size() - name - 1));
}

struct RosNode::Impl final : dds::DomainParticipantListener {
  struct Endpoint {
    std::string topic, type;
    bool writes = false, reliable = false, latched = false;
  };
  // Hands what a reader gets to the queue.
  struct Inbox final : dds::DataReaderListener {
    Impl* node = nullptr;
    TopicInfo topic;
    void on_data_available(dds::DataReader* reader) override { node->take(*reader, topic); }
  };

  explicit Impl(RosNodeOptions the_options) : options(std::move(the_options)) {
    const int domain = options.domain.value_or(domain_of_environment());
    if (domain < 0 || domain > 232) fail("a ROS domain is a number from 0 to 232, not {}", domain);
    if (options.ros_distro != "humble" && options.ros_distro != "jazzy")
      fail("the node graph has the layout of humble or of jazzy, not of '{}'", options.ros_distro);
    dds::DomainParticipantQos qos;
    qos.name("/");
    set_text(qos.user_data(), "enclave=/;", true);
    qos.transport().use_builtin_transports = false;
    const auto shared = std::make_shared<eprosima::fastdds::rtps::SharedMemTransportDescriptor>();
    shared->segment_size(kSegmentBytes);
    shared->max_message_size(kSegmentBytes);
    const auto udp = std::make_shared<eprosima::fastdds::rtps::UDPv4TransportDescriptor>();
    udp->sendBufferSize = udp->receiveBufferSize = 4U << 20;
    if (localhost_only()) udp->interfaceWhiteList.emplace_back("127.0.0.1");
    qos.transport().user_transports = {shared, udp};
    participant = dds::DomainParticipantFactory::get_instance()->create_participant(
        static_cast<dds::DomainId_t>(domain), qos, this, dds::StatusMask::none());
    if (!participant) fail("DDS could not be started on domain {}", domain);
    publisher = participant->create_publisher(dds::PUBLISHER_QOS_DEFAULT);
    subscriber = participant->create_subscriber(dds::SUBSCRIBER_QOS_DEFAULT);
    info.participant = gid_of(participant->guid());
    info.nodes.push_back({"/", options.name, {}, {}});

    dds::Topic* const topic = topic_of(kGraphTopic, kGraphType);
    dds::DataWriterQos writer = writer_qos(true, false, "");
    graph_writer = publisher->create_datawriter(topic, writer);
    dds::DataReaderQos reader = reader_qos(true, true);
    reader.history().kind = dds::KEEP_ALL_HISTORY_QOS;
    graph_inbox.node = this;
    graph_inbox.topic.name = kGraphTopic;
    graph_reader = subscriber->create_datareader(topic, reader, &graph_inbox, dds::StatusMask::data_available());
    if (!graph_writer || !graph_reader) fail("DDS could not open the node graph");
    tell_graph();
  }
  ~Impl() override {
    participant->set_listener(nullptr);
    participant->delete_contained_entities();
    dds::DomainParticipantFactory::get_instance()->delete_participant(participant);
  }

  dds::Topic* topic_of(const std::string& name, const std::string& type) {
    if (dds::TopicDescription* const there = participant->lookup_topicdescription(name))
      return static_cast<dds::Topic*>(there);
    if (participant->find_type(type).empty()) participant->register_type(dds::TypeSupport(new OpaqueType(type)));
    dds::Topic* const topic = participant->create_topic(name, type, dds::TOPIC_QOS_DEFAULT);
    if (!topic) fail("the topic {} of type {} could not be opened", name, type);
    return topic;
  }

  // Iron and later say in an endpoint's user data which definition its type has.
  std::string hash_text(const std::string& ros_type) const {
    const MessageType* const type = find_message_type(ros_type);
    return options.ros_distro == "humble" || !type ? "" : fmt::format("typehash={};", type->hash);
  }

  dds::DataWriterQos writer_qos(bool latched, bool best_effort, const std::string& user_data) const {
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
  dds::DataReaderQos reader_qos(bool latched, bool reliable) const {
    dds::DataReaderQos qos;
    qos.reliability().kind = reliable ? dds::RELIABLE_RELIABILITY_QOS : dds::BEST_EFFORT_RELIABILITY_QOS;
    qos.durability().kind = latched ? dds::TRANSIENT_LOCAL_DURABILITY_QOS : dds::VOLATILE_DURABILITY_QOS;
    qos.history().kind = dds::KEEP_LAST_HISTORY_QOS;
    qos.history().depth = 5 * kDepth;
    qos.endpoint().history_memory_policy = rtps::PREALLOCATED_WITH_REALLOC_MEMORY_MODE;
    qos.data_sharing().off();
    return qos;
  }

  void tell_graph() {
    Bytes bytes = graph_message(info, options.ros_distro == "humble");
    graph_writer->write(&bytes);
  }

  dds::DataWriter& advertise(const TopicInfo& topic) {
    if (const auto found = writers.find(topic.name); found != writers.end()) return *found->second;
    dds::Topic* const there = topic_of("rt" + topic.name, dds_type_name(topic.type));
    dds::DataWriter* const writer = publisher->create_datawriter(
        there, writer_qos(topic.latched, options.best_effort && !topic.latched, hash_text(topic.type)));
    if (!writer) fail("the topic {} could not be published", topic.name);
    writers[topic.name] = writer;
    info.nodes[0].writers.push_back(gid_of(writer->guid()));
    tell_graph();
    return *writer;
  }

  void subscribe(const TopicInfo& topic) {
    if (inboxes.contains(topic.name)) return;
    bool reliable = true, latched = true, any = false;
    {
      const std::lock_guard lock(mutex);
      for (const auto& [gid, endpoint] : endpoints) {
        if (!endpoint.writes || endpoint.topic != topic.name) continue;
        any = true;
        reliable = reliable && endpoint.reliable;
        latched = latched && endpoint.latched;
      }
    }
    if (!any) latched = topic.latched;
    Inbox& inbox = inboxes[topic.name];
    inbox.node = this;
    inbox.topic = topic;
    inbox.topic.latched = latched;
    dds::DataReader* const reader =
        subscriber->create_datareader(topic_of("rt" + topic.name, dds_type_name(topic.type)),
                                      reader_qos(latched, reliable), &inbox, dds::StatusMask::data_available());
    if (!reader) fail("the topic {} could not be subscribed", topic.name);
    info.nodes[0].readers.push_back(gid_of(reader->guid()));
    tell_graph();
  }

  // On a thread of DDS.
  void take(dds::DataReader& reader, const TopicInfo& topic) {
    Bytes bytes;
    dds::SampleInfo sample;
    while (reader.take_next_sample(&bytes, &sample) == ReturnCode_t::RETCODE_OK) {
      if (!sample.valid_data) continue;
      if (topic.name == kGraphTopic) {
        const auto graph = parse_graph_message(bytes);
        const std::lock_guard lock(mutex);
        if (graph && graph->participant != info_participant()) graphs[graph->participant] = *graph;
        continue;
      }
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      Message message{topic, std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(),
                      std::make_shared<const Bytes>(std::move(bytes))};
      bytes = {};
      const std::lock_guard lock(mutex);
      if (queue.size() >= options.queue) {
        ++dropped;
        continue;
      }
      queue.push_back(std::move(message));
      arrived.notify_one();
    }
  }
  Gid info_participant() const { return gid_of(participant->guid()); }

  template <typename Info>
  void note(const dds::DomainParticipant& self, const Info& endpoint, bool writes, bool gone) {
    const Gid gid = gid_of(endpoint.guid());
    const std::lock_guard lock(mutex);
    if (gone) {
      endpoints.erase(gid);
      return;
    }
    const std::string topic = endpoint.topicName().to_string(), type = ros_type_name(endpoint.typeName().to_string());
    if (!topic.starts_with("rt/") || type.empty()) return;
    const Gid own = gid_of(self.guid());  // discovery may begin before our own pointer to the participant is set
    if (std::equal(gid.begin(), gid.begin() + 12, own.begin())) return;
    endpoints[gid] = {topic.substr(2), type, writes, endpoint.m_qos.m_reliability.kind == dds::RELIABLE_RELIABILITY_QOS,
                      endpoint.m_qos.m_durability.kind != dds::VOLATILE_DURABILITY_QOS};
  }
  void on_publisher_discovery(dds::DomainParticipant* self, rtps::WriterDiscoveryInfo&& found) override {
    note(*self, found.info, true, found.status == rtps::WriterDiscoveryInfo::REMOVED_WRITER);
  }
  void on_subscriber_discovery(dds::DomainParticipant* self, rtps::ReaderDiscoveryInfo&& found) override {
    note(*self, found.info, false, found.status == rtps::ReaderDiscoveryInfo::REMOVED_READER);
  }
  void on_participant_discovery(dds::DomainParticipant*, rtps::ParticipantDiscoveryInfo&& found) override {
    if (found.status != rtps::ParticipantDiscoveryInfo::REMOVED_PARTICIPANT &&
        found.status != rtps::ParticipantDiscoveryInfo::DROPPED_PARTICIPANT)
      return;
    const std::lock_guard lock(mutex);
    graphs.erase(gid_of(found.info.m_guid));
  }

  RosNodeOptions options;
  dds::DomainParticipant* participant = nullptr;
  dds::Publisher* publisher = nullptr;
  dds::Subscriber* subscriber = nullptr;
  dds::DataWriter* graph_writer = nullptr;
  dds::DataReader* graph_reader = nullptr;
  std::map<std::string, dds::DataWriter*> writers;
  std::map<std::string, Inbox> inboxes;
  Inbox graph_inbox;
  GraphInfo info;  // of this node
  // What DDS's threads write.
  mutable std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Message> queue;
  std::uint64_t dropped = 0;
  std::map<Gid, Endpoint> endpoints;
  std::map<Gid, GraphInfo> graphs;
};

RosNode::RosNode(RosNodeOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
RosNode::~RosNode() = default;
void RosNode::advertise(const TopicInfo& topic) { impl_->advertise(topic); }
void RosNode::publish(const Message& message) {
  // Fast DDS takes a pointer it may write to, and only reads.
  impl_->advertise(message.topic).write(const_cast<Bytes*>(message.cdr.get()));  // NOLINT
}
bool RosNode::wait_for_acknowledgments(std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (const auto& [name, writer] : impl_->writers) {
    const auto left = std::chrono::duration<double>(until - std::chrono::steady_clock::now()).count();
    if (writer->wait_for_acknowledgments(
            eprosima::fastrtps::Duration_t(static_cast<long double>(std::max(left, 0.0)))) != ReturnCode_t::RETCODE_OK)
      return false;
  }
  return true;
}
void RosNode::subscribe(const TopicInfo& topic) { impl_->subscribe(topic); }

std::optional<Message> RosNode::next(std::chrono::milliseconds timeout) {
  std::unique_lock lock(impl_->mutex);
  if (!impl_->arrived.wait_for(lock, timeout, [&] { return !impl_->queue.empty(); })) return std::nullopt;
  Message message = std::move(impl_->queue.front());
  impl_->queue.pop_front();
  return message;
}
std::uint64_t RosNode::dropped() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->dropped;
}

std::vector<RosTopic> RosNode::topics() const {
  const std::lock_guard lock(impl_->mutex);
  std::map<std::pair<std::string, std::string>, RosTopic> found;
  for (const auto& [gid, endpoint] : impl_->endpoints) {
    const auto [at, fresh] = found.try_emplace({endpoint.topic, endpoint.type});
    RosTopic& topic = at->second;
    if (fresh) topic.info = {endpoint.topic, endpoint.type, false};
    topic.info.latched |= endpoint.writes && endpoint.latched;
    (endpoint.writes ? topic.publishers : topic.subscribers)++;
  }
  std::vector<RosTopic> topics;
  for (auto& [key, topic] : found) topics.push_back(std::move(topic));
  return topics;
}

std::vector<std::string> RosNode::nodes() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::string> names;
  for (const auto& [gid, graph] : impl_->graphs)
    for (const GraphInfo::Node& node : graph.nodes) names.push_back((node.ns == "/" ? "" : node.ns) + "/" + node.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bramble
