import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.apicurio.registry.content.ContentHandle;
import io.apicurio.registry.rules.compatibility.AvroCompatibilityChecker;
import io.apicurio.registry.rules.compatibility.CompatibilityChecker;
import io.apicurio.registry.rules.compatibility.CompatibilityLevel;
import io.apicurio.registry.rules.compatibility.CompatibilityExecutionResult;
import io.apicurio.registry.rules.compatibility.JsonSchemaCompatibilityChecker;
import io.apicurio.registry.rules.compatibility.ProtobufCompatibilityChecker;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Says what Apicurio Registry makes of a new version of a schema. A line of the standard input is a JSON object, a line of the output its
 * answer: {"type": "AVRO" | "JSON" | "PROTOBUF", "level": "BACKWARD", ..., "old": text, "new": text} answers {"compatible": bool,
 * "differences": [text, ...]} or {"error"}.
 */
public final class ApicurioJudge {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, CompatibilityChecker> CHECKERS = Map.of(
            "AVRO", new AvroCompatibilityChecker(),
            "JSON", new JsonSchemaCompatibilityChecker(),
            "PROTOBUF", new ProtobufCompatibilityChecker());

    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err); // its libraries log there
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                judge(JSON.readTree(line), answer);
            } catch (RuntimeException | StackOverflowError e) {
                answer.put("error", e.getClass().getSimpleName() + ": " + e.getMessage());
            }
            answers.println(JSON.writeValueAsString(answer));
        }
        answers.flush();
    }

    private static void judge(JsonNode request, ObjectNode answer) {
        CompatibilityChecker checker = CHECKERS.get(request.get("type").asText());
        CompatibilityLevel level = CompatibilityLevel.valueOf(request.get("level").asText());
        List<ContentHandle> old = List.of(ContentHandle.create(request.get("old").asText()));
        ContentHandle update = ContentHandle.create(request.get("new").asText());
        CompatibilityExecutionResult result = checker.testCompatibility(level, old, update, Map.of());
        answer.put("compatible", result.isCompatible());
        ArrayNode differences = answer.putArray("differences");
        result.getIncompatibleDifferences().forEach(
                difference -> differences.add(difference.asRuleViolation().getDescription() + " at "
                        + difference.asRuleViolation().getContext()));
    }
}
