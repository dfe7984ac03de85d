#pragma once
#include <fastdds/dds/domain/DomainParticipant.hpp>
#include <fastdds/dds/publisher/DataWriter.hpp>
#include <fastdds/dds/publisher/Publisher.hpp>
#include <fastdds/dds/subscriber/DataReader.hpp>
#include <fastdds/dds/subscriber/Subscriber.hpp>
#include <string>

#include "bramble/live/graph_message.hpp"

/// What every endpoint of a ROS 2 node is made with; for the sources of this room alone.
namespace bramble {

namespace dds = eprosima::fastdds::dds;
namespace rtps = eprosima::fastrtps::rtps;

Gid gid_of(const rtps::GUID_t& guid);

/// Text as a DDS user data QoS.
template <typename Octets>
void set_text(Octets& user_data, const std::string& text, bool with_zero) {
  user_data.assign(text.begin(), text.end());
  if (with_zero) user_data.push_back(0);
}

/// The participant's topic of that name, made when it is not there yet, for payloads that are passed as the CDR bytes
/// (std::vector<std::uint8_t>) that they are on the wire, encapsulation header included. Throws Error.
dds::Topic* open_topic(dds::DomainParticipant& participant, const std::string& name, const std::string& dds_type);

/// ROS 2's default profile (keep last 10, reliable, volatile), or that of latched topics. `user_data`: the type hash.
dds::DataWriterQos writer_qos(bool latched, bool best_effort, const std::string& user_data);
dds::DataReaderQos reader_qos(bool latched, bool reliable, const std::string& user_data = {});

}  // namespace bramble
