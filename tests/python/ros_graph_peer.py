#!/usr/bin/env python3
"""Lists the nodes and topics of a ROS 2 domain as TopicForge sees them: an implementation of the node graph of its own,
over CycloneDDS, that reads both layouts of ros_discovery_info.

    ros_graph_peer.py DOMAIN NODE SECONDS

Prints JSON {nodes: [name…], publishers: {topic: [type, node]}} as soon as NODE is there with topics, or after SECONDS.
A process of its own, because the binding of CycloneDDS bears one reader's thread only.
"""
import json
import sys
import time

from topicforge.adapters.dds_cyclone.adapter import CycloneDdsAdapter


def main():
    domain, node, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    graph = CycloneDdsAdapter(domain)
    graph.await_discovery_ready()
    end = time.monotonic() + seconds
    while True:
        nodes = sorted({name for participant in graph.list_participants() for name in participant.node_names})
        publishers = {endpoint.ros_topic: [endpoint.type_name, endpoint.node_name]
                      for endpoint in graph.list_endpoints().endpoints if endpoint.role == "writer" and endpoint.ros_topic}
        if node in nodes and any(of == node for _, of in publishers.values()) or time.monotonic() > end:
            break
        time.sleep(0.2)
    print(json.dumps({"nodes": nodes, "publishers": publishers}))


main()
