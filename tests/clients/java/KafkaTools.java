import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command-line tools and Kafka's own client in one JVM.
 *
 * <p>Each line of the standard input is a JSON object: {"tool": class, "args": [...], "stdin": text} answers {"status", "out", "err"};
 * {"bootstrap": ..., "steps": [...]} answers {"results": [...]}, see tests/clients/README.md; {"assign": [...]} is for {@link Assignors},
 * {"assign_by_client": [...]} for {@link ClientAssignors}.
 */
public final class KafkaTools {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();

    /** What the tool wants done when its JVM ends. */
    private static final List<Runnable> HOOKS = new ArrayList<>();
    /** The status of the tool's first exit; some tools catch the Error and exit again. */
    private static Integer firstStatus;

    /** Thrown in place of the end of the JVM. An Error, because tools catch exceptions around their call of exit. */
    private static final class Exited extends Error {
        private static final long serialVersionUID = 1;

        Exited(int status) {
            super("exit " + status);
        }
    }

    private static void exit(int status) {
        if (firstStatus == null) {
            firstStatus = status;
        }
        throw new Exited(status);
    }

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        PrintStream errors = System.err;
        Exit.setExitProcedure((status, message) -> exit(status));
        Exit.setHaltProcedure((status, message) -> exit(status));
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode request = JSON.readTree(line);
            ObjectNode answer = answer(request, answers, errors);
            answers.println(JSON.writeValueAsString(answer));
            answers.flush();
        }
        Runtime.getRuntime().halt(0); // clients that were left open on purpose must not hold the JVM
    }

    private static ObjectNode answer(JsonNode request, PrintStream answers, PrintStream errors) throws Exception {
        if (request.has("tool")) {
            return runTool(request, answers, errors);
        }
        if (request.has("assign_by_client")) {
            return ClientAssignors.run(request.get("assign_by_client"), JSON);
        }
        return request.has("assign") ? Assignors.run(request.get("assign"), JSON) : runClient(request);
    }

    private static ObjectNode runTool(JsonNode request, PrintStream answers, PrintStream errors) throws Exception {
        List<String> arguments = new ArrayList<>();
        request.path("args").forEach(a -> arguments.add(a.asText()));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(request.path("stdin").asText("").getBytes(StandardCharsets.UTF_8)));
        int status = 0;
        firstStatus = null;
        HOOKS.clear();
        try {
            Class<?> tool = Class.forName(request.get("tool").asText());
            resetStatics(tool);
            tool.getMethod("main", String[].class).invoke(null, (Object) arguments.toArray(new String[0]));
        } catch (InvocationTargetException e) {
            status = statusOf(e.getCause(), err);
        } finally {
            HOOKS.forEach(Runnable::run);
            System.out.flush();
            System.err.flush();
            System.setOut(answers);
            System.setErr(errors);
        }
        ObjectNode answer = JSON.createObjectNode();
        answer.put("status", status);
        answer.put("out", out.toString(StandardCharsets.UTF_8));
        answer.put("err", err.toString(StandardCharsets.UTF_8));
        return answer;
    }

    private static int statusOf(Throwable cause, ByteArrayOutputStream err) {
        if (firstStatus != null) {
            return firstStatus;
        }
        StringWriter text = new StringWriter();
        cause.printStackTrace(new PrintWriter(text));
        err.writeBytes(text.toString().getBytes(StandardCharsets.UTF_8));
        return 1;
    }

    /** The console consumer counts in a static field, as a process of its own may. */
    private static void resetStatics(Class<?> tool) throws IllegalAccessException {
        for (Field field : tool.getDeclaredFields()) {
            boolean counter = field.getType() == int.class && !Modifier.isFinal(field.getModifiers());
            if (Modifier.isStatic(field.getModifiers()) && counter) {
                field.setAccessible(true);
                field.setInt(null, 0);
            }
        }
    }

    private static ObjectNode runClient(JsonNode request) {
        ArrayNode results = JSON.createArrayNode();
        for (JsonNode step : request.get("steps")) {
            try {
                results.add(runStep(request.get("bootstrap").asText(), step));
            } catch (Exception e) {
                results.add(JSON.createObjectNode().put("error", String.valueOf(e)));
            }
        }
        ObjectNode answer = JSON.createObjectNode();
        answer.set("results", results);
        return answer;
    }

    private static ObjectNode runStep(String bootstrap, JsonNode step) throws Exception {
        switch (step.get("do").asText()) {
            case "produce": return produce(bootstrap, step);
            case "transaction": return transaction(bootstrap, step);
            case "read": return read(bootstrap, step);
            case "offsets_for_time": return offsetForTime(bootstrap, step);
            case "load": return load(bootstrap, step);
            case "member": return GroupMember.run(bootstrap, step, JSON);
            case "steer": return Steering.run(bootstrap, step, JSON);
            case "committed": return committed(bootstrap, step);
            case "commit": return commit(bootstrap, step);
            default: return JSON.createObjectNode().put("unsupported", step.get("do").asText());
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, JsonNode step) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("acks", step.path("acks").asText("all"));
        p.put("enable.idempotence", step.path("idempotent").asBoolean(false));
        p.put("compression.type", step.path("codec").asText("none"));
        p.put("max.request.size", 4 << 20);
        p.put("linger.ms", step.path("linger_ms").asInt(20));
        p.put("reconnect.backoff.max.ms", 200);
        p.put("delivery.timeout.ms", 60000);
        p.put("max.block.ms", 60000);
        if (step.has("id")) {
            p.put("enable.idempotence", true);
            p.put("transactional.id", step.get("id").asText());
        }
        return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static ObjectNode produce(String bootstrap, JsonNode step) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, step)) {
            return sendAll(producer, step);
        }
    }

    private static ObjectNode sendAll(KafkaProducer<byte[], byte[]> producer, JsonNode step) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (JsonNode record : step.get("records")) {
            sent.add(producer.send(recordOf(step.get("topic").asText(), step.get("partition").asInt(), record)));
        }
        producer.flush();
        ArrayNode offsets = JSON.createArrayNode();
        for (Future<RecordMetadata> one : sent) {
            offsets.add(one.get().offset());
        }
        ObjectNode answer = JSON.createObjectNode();
        answer.set("offsets", offsets);
        return answer;
    }

    private static ObjectNode transaction(String bootstrap, JsonNode step) throws Exception {
        KafkaProducer<byte[], byte[]> producer = producer(bootstrap, step);
        producer.initTransactions();
        producer.beginTransaction();
        ObjectNode answer = sendAll(producer, step);
        switch (step.get("end").asText()) {
            case "commit": producer.commitTransaction(); break;
            case "abort": producer.abortTransaction(); break;
            default: break;
        }
        producer.close(Duration.ZERO); // no time to abort what was left open
        return answer;
    }

    private static ProducerRecord<byte[], byte[]> recordOf(String topic, int partition, JsonNode record) {
        List<Header> headers = new ArrayList<>();
        record.path("headers").forEach(h -> headers.add(new RecordHeader(h.get(0).asText(), bytes(h.get(1)))));
        JsonNode at = record.path("timestamp");
        Long timestamp = at.isNumber() ? at.asLong() : null;
        return new ProducerRecord<>(topic, partition, timestamp, bytes(record.get("key")), bytes(record.get("value")), headers);
    }

    private static byte[] bytes(JsonNode hex) {
        return hex == null || hex.isNull() ? null : HEX.parseHex(hex.asText());
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? null : HEX.formatHex(bytes);
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, JsonNode step) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("isolation.level", step.path("isolation").asText("read_uncommitted"));
        p.put("auto.offset.reset", "none");
        if (step.has("group")) {
            p.put("group.id", step.get("group").asText());
        }
        p.put("enable.auto.commit", false);
        p.put("reconnect.backoff.max.ms", 200);
        return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static ObjectNode read(String bootstrap, JsonNode step) {
        TopicPartition partition = new TopicPartition(step.get("topic").asText(), step.get("partition").asInt());
        long until = step.get("until").asLong();
        long deadline = System.nanoTime() + step.path("seconds").asLong(30) * 1_000_000_000L;
        ArrayNode records = JSON.createArrayNode();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, step)) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, step.path("from").asLong(0));
            while (consumer.position(partition) < until && System.nanoTime() < deadline) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> records.add(json(record)));
            }
        }
        ObjectNode answer = JSON.createObjectNode();
        answer.set("records", records);
        return answer;
    }

    private static ObjectNode json(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode node = JSON.createObjectNode();
        node.put("offset", record.offset()).put("timestamp", record.timestamp());
        node.put("key", hex(record.key())).put("value", hex(record.value()));
        ArrayNode headers = node.putArray("headers");
        record.headers().forEach(h -> headers.addArray().add(h.key()).add(hex(h.value())));
        return node;
    }

    private static ObjectNode offsetForTime(String bootstrap, JsonNode step) {
        TopicPartition partition = new TopicPartition(step.get("topic").asText(), step.get("partition").asInt());
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, step)) {
            var found = consumer.offsetsForTimes(Map.of(partition, step.get("timestamp").asLong())).get(partition);
            return JSON.createObjectNode().put("offset", found == null ? -1 : found.offset());
        }
    }

    private static ObjectNode committed(String bootstrap, JsonNode step) {
        Set<TopicPartition> asked = new HashSet<>();
        for (int partition = 0; partition < step.get("partitions").asInt(); partition++) {
            asked.add(new TopicPartition(step.get("topic").asText(), partition));
        }
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode offsets = answer.putArray("offsets");
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, step)) {
            Map<TopicPartition, OffsetAndMetadata> found = consumer.committed(asked);
            for (int partition = 0; partition < asked.size(); partition++) {
                OffsetAndMetadata one = found.get(new TopicPartition(step.get("topic").asText(), partition));
                offsets.add(one == null ? -1 : one.offset());
            }
        }
        return answer;
    }

    private static ObjectNode commit(String bootstrap, JsonNode step) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        step.get("offsets").forEach(pair -> offsets.put(
            new TopicPartition(step.get("topic").asText(), pair.get(0).asInt()), new OffsetAndMetadata(pair.get(1).asLong(), "by hand")));
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, step)) {
            consumer.commitSync(offsets);
        }
        return JSON.createObjectNode();
    }

    private static ObjectNode load(String bootstrap, JsonNode step) throws Exception {
        java.io.File stop = new java.io.File(step.get("stop").asText());
        long deadline = System.nanoTime() + step.path("seconds").asLong(60) * 1_000_000_000L;
        int partitions = step.get("partitions").asInt();
        ArrayNode acknowledged = JSON.createArrayNode();
        int[] failed = {0};
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, step)) {
            long started = System.nanoTime();
            for (long id = 0; !stop.exists() && System.nanoTime() < deadline; id++) {
                long due = started + id * 1_000_000_000L / step.path("rate").asLong(1000);
                if (due > System.nanoTime()) {
                    Thread.sleep(Math.max(1, (due - System.nanoTime()) / 1_000_000));
                }
                send(producer, step.get("topic").asText(), (int) (id % partitions), id, acknowledged, failed);
            }
        }
        ObjectNode answer = JSON.createObjectNode();
        answer.set("acknowledged", acknowledged);
        return answer.put("failed", failed[0]);
    }

    private static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partition, long id, ArrayNode acknowledged, int[] failed) {
        byte[] value = String.valueOf(id).getBytes(StandardCharsets.UTF_8);
        producer.send(new ProducerRecord<>(topic, partition, null, value), (metadata, error) -> {
            if (error != null) {
                failed[0]++; // callbacks all come on the producer's one thread
            } else {
                acknowledged.addArray().add(partition).add(metadata.offset()).add(id);
            }
        });
    }
}
