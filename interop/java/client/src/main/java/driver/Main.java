package driver;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.HttpCookie;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.cometd.client.BayeuxClient;
import org.eclipse.jetty.util.ajax.JSON;

/** Drives CometD's Java client for the scenarios of interop/bayeux, whose README has the protocol. */
public final class Main {
    private static final PrintStream OUT = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false, StandardCharsets.UTF_8);
    private static final JSON JSON_LINES = new JSON();

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        tell(Map.of("event", "ready",
            "library", "cometd java " + BayeuxClient.class.getPackage().getImplementationVersion(),
            "transports", List.of("long-polling", "websocket"),
            "can", List.of("publish", "wildcard", "ack", "call", "cookies", "fallback", "return", "tell", "hang-up", "restart")));

        Map<String, Client> clients = new HashMap<>();
        Map<String, Map<String, HttpCookie>> browsers = new HashMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            @SuppressWarnings("unchecked")
            Map<String, Object> order = (Map<String, Object>)JSON_LINES.parse(new JSON.StringSource(line));
            String name = (String)order.get("client");
            Answer answer = new Answer(order.get("n"));
            if ("open".equals(order.get("do"))) {
                try {
                    clients.put(name, new Client(name, order, browsers.computeIfAbsent((String)order.get("browser"), b -> new ConcurrentHashMap<>())));
                    answer.ok(Map.of());
                } catch (Exception x) {
                    answer.failed(x.toString(), null);
                }
            } else if ("close".equals(order.get("do"))) {
                Client client = clients.remove(name);
                if (client != null) {
                    client.close();
                }
                answer.ok(Map.of());
            } else if (clients.containsKey(name)) {
                clients.get(name).carryOut(order, answer);
            } else {
                answer.failed("no client " + name, null);
            }
        }
        System.exit(0); // the libraries' threads would go on
    }

    static void tell(Map<String, Object> line) {
        String json = JSON_LINES.toJSON(line);
        synchronized (OUT) {
            OUT.println(json);
            OUT.flush();
        }
    }

    /** What is told of an order, once. */
    record Answer(Object n) {
        void ok(Map<String, Object> more) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("n", n);
            line.put("ok", true);
            line.putAll(more);
            tell(line);
        }

        void failed(String error, Object data) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("n", n);
            line.put("ok", false);
            line.put("error", error);
            if (data != null) {
                line.put("data", data);
            }
            tell(line);
        }
    }
}
