import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads a topic from its beginning with Kafka's own consumer and its default settings, partitions assigned instead of a group's.
 *
 * <p>Arguments: bootstrap, topic, number of partitions, number of records. Prints records, bytes of values, and seconds from the
 * first poll to the last record.
 */
public final class ReadPartitions {
    private ReadPartitions() {}

    public static void main(String[] args) {
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("enable.auto.commit", false);
        p.put("auto.offset.reset", "none");
        p.put("max.poll.records", 5000); // as much work for the client as any perf tool would do, not more
        int partitions = Integer.parseInt(args[2]);
        long wanted = Long.parseLong(args[3]);
        long records = 0;
        long bytes = 0;
        try (var consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(i -> new TopicPartition(args[1], i)).collect(Collectors.toList());
            consumer.assign(all);
            all.forEach(partition -> consumer.seek(partition, 0));
            long begin = System.nanoTime();
            while (records < wanted && System.nanoTime() - begin < 300_000_000_000L) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    records++;
                    bytes += record.value().length;
                }
            }
            double seconds = (System.nanoTime() - begin) / 1e9;
            System.out.printf("%d %d %.6f%n", records, bytes, seconds);
        }
    }
}
