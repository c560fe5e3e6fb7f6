import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.apache.avro.SchemaCompatibility.Incompatibility;

/**
 * Says what Apache Avro's own library makes of schemas. A line of the standard input is a JSON object, a line of the output its answer:
 *
 * <p>{"schema": text, "references": [text, ...]} answers {"canonical", "resolved"} or {"error"};
 * {"reader": text, "writer": text} answers {"incompatibilities": [{"type", "location", "message"}, ...]} or {"error"}.
 */
public final class AvroJudge {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode request = JSON.readTree(line);
            ObjectNode answer = JSON.createObjectNode();
            try {
                if (request.has("schema")) {
                    parse(request, answer);
                } else {
                    compare(request, answer);
                }
            } catch (RuntimeException | StackOverflowError e) {
                answer.put("error", e.getClass().getSimpleName() + ": " + e.getMessage());
            }
            answers.println(JSON.writeValueAsString(answer));
        }
        answers.flush();
    }

    private static Schema.Parser parser() {
        Schema.Parser parser = new Schema.Parser(NameValidator.STRICT_VALIDATOR);
        parser.setValidateDefaults(true);
        return parser;
    }

    @SuppressWarnings("deprecation") // the only way to name referenced types instead of writing them out
    private static void parse(JsonNode request, ObjectNode answer) {
        Schema.Parser parser = parser();
        List<Schema> references = new ArrayList<>();
        for (JsonNode reference : request.path("references")) {
            references.add(parser.parse(reference.asText()));
        }
        Schema schema = parser.parse(request.get("schema").asText());
        answer.put("canonical", schema.toString(references, false));
        answer.put("resolved", schema.toString());
    }

    private static void compare(JsonNode request, ObjectNode answer) {
        Schema reader = parser().parse(request.get("reader").asText());
        Schema writer = parser().parse(request.get("writer").asText());
        ArrayNode list = answer.putArray("incompatibilities");
        for (Incompatibility found : SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getResult().getIncompatibilities()) {
            ObjectNode entry = list.addObject();
            entry.put("type", found.getType().name());
            entry.put("location", found.getLocation());
            entry.put("message", found.getMessage());
        }
    }
}
