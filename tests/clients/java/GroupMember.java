import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a group that prints what it sees as it happens: the step `member` of tests/clients/README.md. */
final class GroupMember implements ConsumerRebalanceListener {
    private final ObjectMapper json;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final String topic;
    private final TreeSet<Integer> owned = new TreeSet<>();
    /** What was delivered and is not committed: the offset behind it. */
    private final Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
    /** Whose commit is under way or was refused, where commits are asynchronous. */
    private final Map<TopicPartition, OffsetAndMetadata> sent = new HashMap<>();
    private final boolean isAsync;

    private GroupMember(String bootstrap, JsonNode step, ObjectMapper json) {
        this.json = json;
        this.isAsync = step.path("commit").asText().equals("async");
        this.topic = step.get("topic").asText();
        this.consumer = new KafkaConsumer<>(settings(bootstrap, step), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static Properties settings(String bootstrap, JsonNode step) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", step.get("group").asText());
        String assignor = step.get("assignor").asText();
        if (assignor.equals("consumer")) {
            p.put("group.protocol", "consumer");
        } else {
            String name = assignor.equals("range") ? "RangeAssignor" : "CooperativeStickyAssignor";
            p.put("group.protocol", "classic");
            p.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + name);
            p.put("session.timeout.ms", step.get("session_timeout_ms").asInt());
            p.put("heartbeat.interval.ms", 300);
        }
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", false);
        p.put("max.poll.records", 50);
        p.put("reconnect.backoff.max.ms", 200);
        if (step.hasNonNull("instance")) {
            p.put("group.instance.id", step.get("instance").asText());
        }
        return p;
    }

    static ObjectNode run(String bootstrap, JsonNode step, ObjectMapper json) {
        GroupMember member = new GroupMember(bootstrap, step, json);
        File stop = new File(step.get("stop").asText());
        long deadline = System.nanoTime() + step.path("seconds").asLong(60) * 1_000_000_000L;
        try (KafkaConsumer<byte[], byte[]> consumer = member.consumer) {
            consumer.subscribe(List.of(member.topic), member);
            while (!stop.exists() && System.nanoTime() < deadline) {
                member.turn();
            }
            member.commit();
        }
        return json.createObjectNode().put("left", true);
    }

    private void turn() {
        ObjectNode delivered = json.createObjectNode();
        ArrayNode records = delivered.putArray("records");
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
            records.addArray().add(record.partition()).add(record.offset()).add(new String(record.value(), StandardCharsets.UTF_8));
            positions.put(new TopicPartition(topic, record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        if (!records.isEmpty()) {
            System.out.println(delivered);
        }
        if (isAsync) {
            commitLater();
        } else {
            commit();
        }
    }

    /** Commits all that was delivered, and waits. */
    private void commit() {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>(sent);
        offsets.putAll(positions);
        if (offsets.isEmpty()) {
            return;
        }
        try {
            consumer.commitSync(offsets);
        } catch (KafkaException e) { // the test shows it and decides; the next commit holds these too
            refused(e);
            return;
        }
        committed(offsets);
        positions.clear();
        sent.clear();
    }

    /** Commits what was delivered since the last time; the answer comes from within a later poll. */
    private void commitLater() {
        if (positions.isEmpty()) {
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>(positions);
        sent.putAll(offsets);
        positions.clear();
        consumer.commitAsync(offsets, (answered, error) -> {
            if (error != null) {
                refused(error);
            } else {
                committed(answered);
            }
        });
    }

    private void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
        ObjectNode event = json.createObjectNode();
        ArrayNode pairs = event.putArray("committed");
        offsets.forEach((partition, at) -> pairs.addArray().add(partition.partition()).add(at.offset()));
        System.out.println(event);
    }

    private void refused(Exception error) {
        System.out.println(json.createObjectNode().put("refused", String.valueOf(error)));
    }

    private void change() {
        ObjectNode event = json.createObjectNode();
        ArrayNode assigned = event.putArray("assigned");
        owned.forEach(assigned::add);
        event.put("member", consumer.groupMetadata().memberId()).put("generation", consumer.groupMetadata().generationId());
        System.out.println(event);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        partitions.forEach(p -> owned.add(p.partition()));
        change();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        commit();
        onPartitionsLost(partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        partitions.forEach(p -> owned.remove(p.partition()));
        partitions.forEach(positions::remove);
        partitions.forEach(sent::remove);
        change();
    }
}
