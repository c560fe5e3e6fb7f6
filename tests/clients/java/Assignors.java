import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/**
 * Runs Kafka's own server-side assignors.
 *
 * <p>A group is {"assignor", "in_order", "same": whether all subscribe to the same topics, "topics": [{"id", "partitions", "racks"}],
 * "members": [{"id", "instance", "rack", "topics": [id], "assigned": [[id, [partition]]]}]}; it answers {member: [[id, [partition]]]}.
 * With "in_order" members, topics and partitions are given to Kafka in the order of the request, else in that of hash maps,
 * as its coordinator gives them.
 */
final class Assignors {
    private Assignors() {}

    static ObjectNode run(JsonNode groups, ObjectMapper json) {
        ArrayNode results = json.createArrayNode();
        groups.forEach(group -> results.add(assign(group, json)));
        ObjectNode answer = json.createObjectNode();
        answer.set("results", results);
        return answer;
    }

    private static ObjectNode assign(JsonNode group, ObjectMapper json) {
        boolean inOrder = group.get("in_order").asBoolean();
        Map<String, MemberSubscriptionAndAssignmentImpl> members = inOrder ? new LinkedHashMap<>() : new HashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        for (JsonNode member : group.get("members")) {
            members.put(member.get("id").asText(), member(member, inOrder, owners));
        }
        SubscriptionType type = group.get("same").asBoolean() ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
        ConsumerGroupPartitionAssignor assignor =
            group.get("assignor").asText().equals("range") ? new RangeAssignor() : new UniformAssignor();
        GroupAssignment assignment = assignor.assign(new GroupSpecImpl(members, type, owners), new Topics(group.get("topics")));
        ObjectNode answer = json.createObjectNode();
        assignment.members().forEach((id, own) -> answer.set(id, partitions(own.partitions(), json)));
        return answer;
    }

    private static MemberSubscriptionAndAssignmentImpl member(JsonNode member, boolean inOrder, Map<Uuid, Map<Integer, String>> owners) {
        Map<Uuid, Set<Integer>> assigned = inOrder ? new LinkedHashMap<>() : new HashMap<>();
        for (JsonNode pair : member.get("assigned")) {
            Uuid topic = Uuid.fromString(pair.get(0).asText());
            Set<Integer> partitions = inOrder ? new LinkedHashSet<>() : new HashSet<>();
            for (JsonNode partition : pair.get(1)) {
                partitions.add(partition.asInt());
                owners.computeIfAbsent(topic, t -> new HashMap<>()).put(partition.asInt(), member.get("id").asText());
            }
            assigned.put(topic, partitions);
        }
        Set<Uuid> topics = inOrder ? new LinkedHashSet<>() : new HashSet<>();
        member.get("topics").forEach(topic -> topics.add(Uuid.fromString(topic.asText())));
        return new MemberSubscriptionAndAssignmentImpl(text(member, "rack"), text(member, "instance"), topics, new Assignment(assigned));
    }

    private static Optional<String> text(JsonNode node, String name) {
        return node.get(name).isNull() ? Optional.empty() : Optional.of(node.get(name).asText());
    }

    private static ArrayNode partitions(Map<Uuid, Set<Integer>> partitions, ObjectMapper json) {
        ArrayNode answer = json.createArrayNode();
        partitions.forEach((topic, own) -> {
            ArrayNode indexes = answer.addArray().add(topic.toString()).addArray();
            sorted(own).forEach(indexes::add);
        });
        return answer;
    }

    private static Collection<Integer> sorted(Set<Integer> partitions) {
        Set<Integer> sorted = new TreeSet<>();
        partitions.iterator().forEachRemaining(sorted::add);
        return sorted;
    }

    /** What the assignors may know of topics. */
    private static final class Topics implements SubscribedTopicDescriber {
        private final Map<Uuid, JsonNode> topics = new HashMap<>();

        Topics(JsonNode topics) {
            topics.forEach(topic -> this.topics.put(Uuid.fromString(topic.get("id").asText()), topic));
        }

        @Override
        public int numPartitions(Uuid id) {
            return topics.containsKey(id) ? topics.get(id).get("partitions").asInt() : -1;
        }

        @Override
        public Set<String> racksForPartition(Uuid id, int partition) {
            Set<String> racks = new HashSet<>();
            if (topics.containsKey(id)) {
                topics.get(id).get("racks").path(partition).forEach(rack -> racks.add(rack.asText()));
            }
            return racks;
        }
    }
}
