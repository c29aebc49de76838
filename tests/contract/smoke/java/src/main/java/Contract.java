import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.svix.Svix;
import com.svix.SvixOptions;
import com.svix.Webhook;
import com.svix.models.MessageIn;
import java.net.http.HttpHeaders;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Publishes an event, or verifies a delivery, with the svix SDK; see ../../../../../smoke.py. */
public class Contract {
    public static void main(String[] arguments) throws Exception {
        JsonNode task = new ObjectMapper().readTree(System.in);
        System.out.print(arguments[0].equals("publish") ? publish(task) : verify(task));
    }

    private static String publish(JsonNode task) throws Exception {
        SvixOptions options = new SvixOptions();
        options.setServerUrl(task.get("url").asText());
        MessageIn message = new MessageIn().eventType("invoice.paid").payload("{\"amount\":\"1.10\"}");
        Svix svix = new Svix(task.get("token").asText(), options);
        return svix.getMessage().create(task.get("app").asText(), message).getId();
    }

    private static String verify(JsonNode task) throws Exception {
        Map<String, List<String>> headers = new TreeMap<>();
        task.get("headers").fields().forEachRemaining(
            field -> headers.put(field.getKey(), List.of(field.getValue().asText())));
        HttpHeaders all = HttpHeaders.of(headers, (name, value) -> true);
        new Webhook(task.get("secret").asText()).verify(task.get("body").asText(), all.map());
        return "verified";
    }
}
