import java.io.StringWriter;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;

/** Writes the value of standard input as Java does: names and texts, each ended by a null byte. */
public class Writers {
    public static void main(String[] none) throws Exception {
        byte[] raw = System.in.readAllBytes();
        String value = new String(raw, StandardCharsets.UTF_8);
        Map<String, String> written = new LinkedHashMap<>();
        written.put("URLEncoder", URLEncoder.encode(value, StandardCharsets.UTF_8));
        written.put("URI, path", new URI("https", "example.com", "/" + value, null).getRawPath());
        written.put("URI, ASCII", new URI("x", value, null).toASCIIString());
        written.put("Base64, MIME", Base64.getMimeEncoder().encodeToString(raw));
        Properties properties = new Properties();
        properties.setProperty("a", value);
        StringWriter out = new StringWriter();
        properties.store(out, null);
        written.put("Properties", out.toString());
        for (Map.Entry<String, String> each : written.entrySet()) {
            System.out.write((each.getKey() + "\0" + each.getValue() + "\0")
                .getBytes(StandardCharsets.UTF_8));
        }
        System.out.flush();
    }
}
