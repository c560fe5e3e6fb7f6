import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Alone in its group, goes about in a topic: the step `steer` of tests/clients/README.md. */
final class Steering {
    private final ObjectMapper json;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final String topic;
    private final int partitions;
    private final long count;
    private final long deadline;

    private Steering(KafkaConsumer<byte[], byte[]> consumer, JsonNode step, ObjectMapper json) {
        this.json = json;
        this.consumer = consumer;
        this.topic = step.get("topic").asText();
        this.partitions = step.get("partitions").asInt();
        this.count = step.get("count").asLong();
        this.deadline = System.nanoTime() + step.path("seconds").asLong(60) * 1_000_000_000L;
    }

    static ObjectNode run(String bootstrap, JsonNode step, ObjectMapper json) throws Exception {
        var settings = GroupMember.settings(bootstrap, step);
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            return new Steering(consumer, step, json).run();
        }
    }

    private ObjectNode run() throws Exception {
        consumer.subscribe(List.of(topic));
        ObjectNode result = json.createObjectNode();
        result.set("all", collect(count * partitions, 0));
        List<TopicPartition> first = List.of(new TopicPartition(topic, 0));
        consumer.pause(first);
        consumer.seekToBeginning(consumer.assignment());
        result.set("paused", collect(count * (partitions - 1), 500));
        consumer.seek(first.get(0), 5);
        consumer.resume(first);
        result.set("forward", collect(count - 5, 0));
        consumer.seek(new TopicPartition(topic, 1), count - 3);
        result.set("back", collect(3, 200));
        commit();
        return result;
    }

    private ArrayNode collect(long wanted, long atLeastMs) {
        ArrayNode found = json.createArrayNode();
        long until = System.nanoTime() + atLeastMs * 1_000_000;
        while ((found.size() < wanted || System.nanoTime() < until) && System.nanoTime() < deadline) {
            consumer.poll(Duration.ofMillis(100)).forEach(record -> found.addArray().add(record.partition()).add(record.offset()));
        }
        return found;
    }

    private void commit() throws Exception {
        Map<TopicPartition, OffsetAndMetadata> ends = new HashMap<>();
        for (int partition = 0; partition < partitions; partition++) {
            ends.put(new TopicPartition(topic, partition), new OffsetAndMetadata(count));
        }
        boolean[] isDone = {false};
        Exception[] failed = {null};
        consumer.commitAsync(ends, (offsets, error) -> {
            isDone[0] = true;
            failed[0] = error;
        });
        while (!isDone[0] && System.nanoTime() < deadline) {
            consumer.poll(Duration.ofMillis(20));
        }
        if (!isDone[0]) {
            throw new IllegalStateException("no answer to a commit");
        }
        if (failed[0] != null) {
            throw failed[0];
        }
    }
}
