#include "bramble/live/ros_node.hpp"

#include <fastdds/rtps/transport/UDPv4TransportDescriptor.h>
#include <fastdds/rtps/transport/shared_mem/SharedMemTransportDescriptor.h>
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fastdds/dds/domain/DomainParticipantFactory.hpp>
#include <fastdds/dds/domain/DomainParticipantListener.hpp>
#include <fastdds/dds/subscriber/DataReaderListener.hpp>
#include <fastdds/dds/subscriber/SampleInfo.hpp>
#include <map>
#include <mutex>
#include <set>

#include "bramble/core/error.hpp"
#include "bramble/live/dds.hpp"
#include "bramble/live/ros_service.hpp"
#include "bramble/ros/messages.hpp"

namespace bramble {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kSegmentBytes = 64U << 20;  // of shared memory: several pictures of 3 MB
constexpr const char* kGraphTopic = "ros_discovery_info";
constexpr const char* kGraphType = "rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_";

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
    bool serves = false;  // the requests of the service `topic`
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

    dds::Topic* const topic = open_topic(*participant, kGraphTopic, kGraphType);
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

  // Iron and later say in an endpoint's user data which definition its type has.
  std::string hash_text(const std::string& ros_type) const {
    const MessageType* const type = find_message_type(ros_type);
    return options.ros_distro == "humble" || !type ? "" : fmt::format("typehash={};", type->hash);
  }

  void tell_graph() {
    Bytes bytes = graph_message(info, options.ros_distro == "humble");
    graph_writer->write(&bytes);
  }

  dds::DataWriter& advertise(const TopicInfo& topic) {
    if (const auto found = writers.find(topic.name); found != writers.end()) return *found->second;
    dds::Topic* const there = open_topic(*participant, "rt" + topic.name, dds_type_name(topic.type));
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
    dds::DataReader* const reader = subscriber->create_datareader(
        open_topic(*participant, "rt" + topic.name, dds_type_name(topic.type)),
        reader_qos(latched, reliable, hash_text(topic.type)), &inbox, dds::StatusMask::data_available());
    if (!reader) fail("the topic {} could not be subscribed", topic.name);
    info.nodes[0].readers.push_back(gid_of(reader->guid()));
    tell_graph();
  }

  // rmw says the service's hash of all four messages' endpoints.
  std::string service_hash_text(const std::string& type) const {
    const ServiceType* const known = find_service_type(type);
    return options.ros_distro == "humble" || !known ? "" : fmt::format("typehash={};", known->hash);
  }
  void join_graph(const ServiceEndpoints& endpoints_of_service) {
    info.nodes[0].readers.push_back(endpoints_of_service.reader());
    info.nodes[0].writers.push_back(endpoints_of_service.writer());
    tell_graph();
  }
  void serve(const std::string& service, const std::string& type) {
    if (servers.contains(service)) return;
    const auto take_request = [this](RosRequest request) {
      const std::lock_guard lock(mutex);
      if (requests.size() < options.queue)
        requests.push_back(std::move(request));
      else
        ++dropped;  // its client waits in vain
    };
    auto server = std::make_unique<ServiceServer>(*participant, *publisher, *subscriber, service, type,
                                                  service_hash_text(type), take_request);
    join_graph(*server);
    servers[service] = std::move(server);
  }
  ServiceClient& client(const std::string& service, const std::string& type) {
    auto& there = clients[service];
    if (!there) {
      there = std::make_unique<ServiceClient>(*participant, *publisher, *subscriber, service, type,
                                              service_hash_text(type));
      join_graph(*there);
    }
    return *there;
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
    if (topic.starts_with("rq/") && topic.ends_with("Request") && type.ends_with("_Request") && !writes) {
      endpoints[gid] = {
          .topic = topic.substr(2, topic.size() - 9), .type = type.substr(0, type.size() - 8), .serves = true};
      return;
    }
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
  std::map<std::string, std::unique_ptr<ServiceServer>> servers;
  std::map<std::string, std::unique_ptr<ServiceClient>> clients;
  GraphInfo info;  // of this node
  // What DDS's threads write.
  mutable std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Message> queue;
  std::deque<RosRequest> requests;
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

void RosNode::serve(const std::string& service, const std::string& type) { impl_->serve(service, type); }
std::optional<RosRequest> RosNode::next_request() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->requests.empty()) return std::nullopt;
  RosRequest request = std::move(impl_->requests.front());
  impl_->requests.pop_front();
  return request;
}
void RosNode::reply(const RosRequest& request, std::span<const std::uint8_t> cdr) {
  impl_->servers.at(request.service)->reply(request, Bytes(cdr.begin(), cdr.end()));
}
std::optional<std::vector<std::uint8_t>> RosNode::call(const std::string& service, const std::string& type,
                                                       std::span<const std::uint8_t> cdr,
                                                       std::chrono::milliseconds timeout) {
  return impl_->client(service, type).call(Bytes(cdr.begin(), cdr.end()), timeout);
}

std::vector<RosService> RosNode::services() const {
  const std::lock_guard lock(impl_->mutex);
  std::set<std::pair<std::string, std::string>> found;
  for (const auto& [gid, endpoint] : impl_->endpoints)
    if (endpoint.serves) found.emplace(endpoint.topic, endpoint.type);
  std::vector<RosService> services;
  for (const auto& [name, type] : found) services.push_back({name, type});
  return services;
}

std::vector<RosTopic> RosNode::topics() const {
  const std::lock_guard lock(impl_->mutex);
  std::map<std::pair<std::string, std::string>, RosTopic> found;
  for (const auto& [gid, endpoint] : impl_->endpoints) {
    if (endpoint.serves) continue;
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
