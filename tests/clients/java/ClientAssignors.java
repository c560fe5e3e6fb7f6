import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;

/**
 * Runs the assignors of Kafka's own consumer, on the bytes of the protocol.
 *
 * <p>A group is {"assignor", "topics": {name: [racks of each partition]}, "members": {id: {"instance", "subscription": base64}}}; it answers
 * {member: assignment in base64}.
 */
final class ClientAssignors {
    private ClientAssignors() {}

    static ObjectNode run(JsonNode groups, ObjectMapper json) {
        ArrayNode results = json.createArrayNode();
        groups.forEach(group -> results.add(assign(group, json)));
        ObjectNode answer = json.createObjectNode();
        answer.set("results", results);
        return answer;
    }

    private static ObjectNode assign(JsonNode group, ObjectMapper json) {
        Map<String, Subscription> members = new HashMap<>();
        group.get("members").fields().forEachRemaining(member -> {
            byte[] bytes = Base64.getDecoder().decode(member.getValue().get("subscription").asText());
            Subscription subscription = ConsumerProtocol.deserializeSubscription(ByteBuffer.wrap(bytes));
            subscription.setGroupInstanceId(Optional.ofNullable(member.getValue().get("instance").textValue()));
            members.put(member.getKey(), subscription);
        });
        Map<String, Assignment> assignments =
            assignor(group.get("assignor").asText()).assign(cluster(group.get("topics")), new GroupSubscription(members)).groupAssignment();
        ObjectNode answer = json.createObjectNode();
        assignments.forEach((id, own) -> {
            ByteBuffer buffer = ConsumerProtocol.serializeAssignment(own);
            byte[] bytes = new byte[buffer.remaining()];
            buffer.get(bytes);
            answer.put(id, Base64.getEncoder().encodeToString(bytes));
        });
        return answer;
    }

    private static ConsumerPartitionAssignor assignor(String name) {
        return switch (name) {
            case "range" -> new RangeAssignor();
            case "roundrobin" -> new RoundRobinAssignor();
            case "sticky" -> new StickyAssignor();
            case "cooperative-sticky" -> new CooperativeStickyAssignor();
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static Cluster cluster(JsonNode topics) {
        Map<String, Node> racks = new HashMap<>();
        Map<String, Integer> indexes = new HashMap<>();
        Node nowhere = new Node(0, "localhost", 1);
        List<PartitionInfo> partitions = new ArrayList<>();
        topics.fields().forEachRemaining(topic -> topic.getValue().forEach(partition -> {
            List<Node> holders = new ArrayList<>();
            partition.forEach(rack -> holders.add(racks.computeIfAbsent(rack.asText(), name -> new Node(racks.size() + 1, "localhost", 1, name))));
            Node[] replicas = holders.isEmpty() ? new Node[] {nowhere} : holders.toArray(new Node[0]);
            int index = indexes.merge(topic.getKey(), 1, Integer::sum) - 1;
            partitions.add(new PartitionInfo(topic.getKey(), index, replicas[0], replicas, replicas));
        }));
        List<Node> nodes = new ArrayList<>(racks.values());
        nodes.add(nowhere);
        return new Cluster("c", nodes, partitions, Set.of(), Set.of());
    }
}
