// Confluent's Java client of schema registries, as Flink brings it: the argument is a URL, the last line printed what was seen.

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.avro.AvroSchema;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.CachedSchemaRegistryClient;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.RestService;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Config;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Metadata;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.Rule;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.RuleKind;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.RuleMode;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.RuleSet;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.entities.SchemaReference;
import org.apache.flink.avro.registry.confluent.shaded.io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException;
import org.apache.flink.avro.shaded.com.fasterxml.jackson.databind.ObjectMapper;

public final class RegistryClient {
    private static final String V1 = "{\"type\":\"record\",\"name\":\"Trip\",\"fields\":[{\"name\":\"zone\",\"type\":\"string\"}]}";
    private static final String V2 =
        "{\"type\":\"record\",\"name\":\"Trip\",\"fields\":[{\"name\":\"zone\",\"type\":\"string\"},{\"name\":\"fare\",\"type\":\"double\",\"default\":0}]}";
    private static final String BROKEN =
        "{\"type\":\"record\",\"name\":\"Trip\",\"fields\":[{\"name\":\"zone\",\"type\":\"string\"},{\"name\":\"tip\",\"type\":\"double\"}]}";
    private static final String USER = "{\"type\":\"record\",\"name\":\"User\",\"fields\":[{\"name\":\"trip\",\"type\":\"Trip\"}]}";

    private interface Call {
        Object run() throws Exception;
    }

    private static Object codesOf(Call call) throws Exception {
        try {
            return call.run();
        } catch (RestClientException refused) {
            return List.of(refused.getStatus(), refused.getErrorCode());
        }
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        Map<String, Object> seen = new TreeMap<>();
        // The second address is the one that answers, and a slash too many does no harm.
        subjects(new CachedSchemaRegistryClient(List.of("http://127.0.0.1:1", url + "/"), 100), new RestService(url), seen);
        settings(new CachedSchemaRegistryClient(url, 100), seen);
        RestService context = new RestService(url + "/contexts/.java");
        seen.put("context", List.of(context.registerSchema(V1, "java-value"), context.getAllSubjects()));
        System.out.println(new ObjectMapper().writeValueAsString(seen));
    }

    private static void subjects(CachedSchemaRegistryClient client, RestService rest, Map<String, Object> seen) throws Exception {
        String subject = "java/trips value";
        int first = client.register(subject, new AvroSchema(V1));
        seen.put("same_id", rest.registerSchema(V1, subject) == first);
        seen.put("next_id", client.register(subject, new AvroSchema(V2), true) - first);
        seen.put("refused", codesOf(() -> client.register(subject, new AvroSchema(BROKEN))));
        seen.put("compatible", List.of(client.testCompatibility(subject, new AvroSchema(V2)), client.testCompatibility(subject, new AvroSchema(BROKEN))));
        seen.put("reasons", client.testCompatibilityVerbose(subject, new AvroSchema(BROKEN)).get(0).contains("READER_FIELD_MISSING_DEFAULT_VALUE"));
        seen.put("by_id", client.getSchemaBySubjectAndId(subject, first).canonicalString().equals(V1));
        seen.put("text_by_id", rest.getOnlySchemaById(first).contains("Trip"));
        seen.put("latest", client.getLatestSchemaMetadata(subject).getVersion());
        seen.put("versions", client.getAllVersions(subject));
        seen.put("version_of", client.getVersion(subject, new AvroSchema(V1)));
        seen.put("subjects", client.getAllSubjectsByPrefix("java"));
        seen.put("usages", client.getAllVersionsById(first).size());
        seen.put("schemas", client.getSchemas("java", false, true).size());
        AvroSchema user = new AvroSchema(USER, List.of(new SchemaReference("Trip", subject, 1)), Map.of("Trip", V1), null);
        int id = client.register("java-user", user);
        seen.put("referenced_by", rest.getReferencedBy(subject, 1).equals(List.of(id)));
        seen.put("resolved", new CachedSchemaRegistryClient(List.of(rest.getBaseUrls().current()), 10).getSchemaById(id).references().get(0).getSubject());
        seen.put("referenced", codesOf(() -> client.deleteSubject(subject)));
        seen.put("deleted_version", rest.deleteSchemaVersion(Map.of(), subject, "2"));
        seen.put("deleted", List.of(client.deleteSubject("java-user"), client.deleteSubject("java-user", true)));
        seen.put("missing", codesOf(() -> client.getLatestSchemaMetadata("java-user")));
        seen.put("types", rest.getSchemaTypes());
        seen.put("cluster", rest.getClusterId().getScope().keySet());
    }

    private static void settings(CachedSchemaRegistryClient client, Map<String, Object> seen) throws Exception {
        seen.put("level", List.of(client.updateCompatibility("java-set", "FULL"), client.getCompatibility("java-set")));
        client.deleteCompatibility("java-set");
        seen.put("no_level", codesOf(() -> client.getCompatibility("java-set")));
        seen.put("config", client.updateConfig("java-set", new Config("NONE")).getCompatibilityLevel());
        seen.put("mode", List.of(client.getMode(), client.setMode("READONLY", "java-frozen")));
        seen.put("frozen", codesOf(() -> client.register("java-frozen", new AvroSchema(V1))));
        client.setMode("IMPORT", "java-copy");
        seen.put("imported", List.of(client.register("java-copy", new AvroSchema(V1), 7, 4242), client.getLatestSchemaMetadata("java-copy").getVersion()));
        Metadata metadata = new Metadata(Map.of("zone", Set.of("PII")), Map.of("owner", "taxi"), Set.of());
        Rule rule = new Rule("fares", "", RuleKind.CONDITION, RuleMode.WRITE, "CEL", Set.of(), Map.of(), "message.fare > 0", null, null, false);
        RuleSet rules = new RuleSet(null, List.of(rule));
        client.register("java-contract", new AvroSchema(V2, List.of(), Map.of(), metadata, rules, null, false));
        seen.put("contract", List.of(
            client.getLatestWithMetadata("java-contract", Map.of("owner", "taxi"), false).getVersion(),
            client.getLatestSchemaMetadata("java-contract").getMetadata().getProperties(),
            client.getLatestSchemaMetadata("java-contract").getRuleSet().getDomainRules().get(0).getName()));
    }
}
