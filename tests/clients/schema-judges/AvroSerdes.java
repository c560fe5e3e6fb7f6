import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericData;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * Reads values with Avro's own library, behind the frame of a schema registry. The argument is the registry's URL; a line of the standard input is
 * {"bytes": hex, "schema": reader's schema or absent}, a line of the output {"value": Avro's own text, "rest": bytes behind it}, or {"error"}.
 */
public final class AvroSerdes {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final Map<Integer, Schema> SCHEMAS = new HashMap<>();

    private static Schema schema(String url, int id) throws Exception {
        Schema known = SCHEMAS.get(id);
        if (known == null) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/schemas/ids/" + id)).build();
            String body = HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
            known = new Schema.Parser().parse(JSON.readTree(body).get("schema").asText());
            SCHEMAS.put(id, known);
        }
        return known;
    }

    private static ObjectNode read(String url, JsonNode request) throws Exception {
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(request.get("bytes").asText()));
        if (bytes.get() != 0) {
            throw new IllegalArgumentException("the first byte is not 0");
        }
        Schema writer = schema(url, bytes.getInt());
        Schema reader = request.hasNonNull("schema") ? new Schema.Parser().parse(request.get("schema").asText()) : writer;
        BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes.array(), bytes.position(), bytes.remaining(), null);
        Object value = new GenericDatumReader<>(writer, reader).read(null, decoder);
        int rest = decoder.inputStream().available();
        return JSON.createObjectNode().put("value", GenericData.get().toString(value)).put("rest", rest);
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            ObjectNode answer;
            try {
                answer = read(arguments[0], JSON.readTree(line));
            } catch (Exception error) {
                answer = JSON.createObjectNode().put("error", error.toString());
            }
            System.out.println(answer);
            System.out.flush();
        }
    }
}
