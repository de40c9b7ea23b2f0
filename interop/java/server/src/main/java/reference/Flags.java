package reference;

import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.cometd.bayeux.server.BayeuxServer;
import org.cometd.server.ext.AcknowledgedMessagesExtension;
import org.cometd.server.ext.ActivityExtension;
import org.cometd.server.ext.BinaryExtension;
import org.cometd.server.ext.TimestampExtension;
import org.cometd.server.ext.TimesyncExtension;

/**
 * The command line. A flag is the name of an option of CometD in kebab case, with its prefix: --max-interval, --ws-idle-timeout,
 * --long-polling-json-timeout. Times are milliseconds. What is not given keeps CometD's default.
 */
record Flags(InetSocketAddress listen, long drain, Map<String, Object> options, List<BayeuxServer.Extension> extensions) {

    private enum Kind {
        NUMBER("-?\\d{1,18}"), SWITCH("true|false"), TEXT(".*");

        private final String form;

        Kind(String form) {
            this.form = form;
        }
    }

    /** Options that can be set for all transports, or for one by its prefix. */
    private static final Map<String, Kind> OF_TRANSPORTS = Map.ofEntries(
        Map.entry("timeout", Kind.NUMBER), Map.entry("interval", Kind.NUMBER), Map.entry("maxInterval", Kind.NUMBER),
        Map.entry("maxProcessing", Kind.NUMBER), Map.entry("maxLazyTimeout", Kind.NUMBER), Map.entry("metaConnectDeliverOnly", Kind.SWITCH),
        Map.entry("maxQueue", Kind.NUMBER), Map.entry("maxMessageSize", Kind.NUMBER), Map.entry("handshakeReconnect", Kind.SWITCH),
        Map.entry("allowMessageDeliveryDuringHandshake", Kind.SWITCH));

    private static final Map<String, Kind> OF_HTTP = Map.ofEntries(
        Map.entry("browserCookieName", Kind.TEXT), Map.entry("browserCookieDomain", Kind.TEXT), Map.entry("browserCookiePath", Kind.TEXT),
        Map.entry("browserCookieMaxAge", Kind.NUMBER), Map.entry("browserCookieSecure", Kind.SWITCH), Map.entry("browserCookieHttpOnly", Kind.SWITCH),
        Map.entry("browserCookieSameSite", Kind.TEXT), Map.entry("browserCookiePartitioned", Kind.SWITCH),
        Map.entry("maxSessionsPerBrowser", Kind.NUMBER), Map.entry("http2MaxSessionsPerBrowser", Kind.NUMBER),
        Map.entry("multiSessionInterval", Kind.NUMBER), Map.entry("trustClientSession", Kind.SWITCH),
        Map.entry("duplicateMetaConnectHttpResponseCode", Kind.NUMBER));

    private static final Map<String, Kind> OF_JSONP = Map.of("callbackParameter", Kind.TEXT, "callbackParameterMaxLength", Kind.NUMBER);

    private static final Map<String, Kind> OF_WEBSOCKET = Map.of("protocol", Kind.TEXT, "messagesPerFrame", Kind.NUMBER, "bufferSize", Kind.NUMBER,
        "idleTimeout", Kind.NUMBER, "requireHandshakePerConnection", Kind.SWITCH, "enableExtension.permessage-deflate", Kind.SWITCH);

    private static final Map<String, Kind> OF_SERVER = Map.of("validateMessageFields", Kind.SWITCH, "broadcastToPublisher", Kind.SWITCH,
        "sweepPeriod", Kind.NUMBER, "sweepThreads", Kind.NUMBER);

    /** Flags of this program. */
    private static final Map<String, Kind> OWN = Map.ofEntries(
        Map.entry("listen", Kind.TEXT), Map.entry("drain", Kind.NUMBER), Map.entry("transports", Kind.TEXT),
        Map.entry("extensions", Kind.TEXT), Map.entry("max-inactivity", Kind.NUMBER), Map.entry("activity-mode", Kind.TEXT));

    private record Option(String name, Kind kind) {
    }

    /** An option of CometD by its flag. */
    private static Map<String, Option> known() {
        Map<String, Option> known = new TreeMap<>();
        add(known, "", OF_SERVER, OF_TRANSPORTS, OF_HTTP, OF_JSONP);
        add(known, "long-polling.json.", OF_TRANSPORTS, OF_HTTP);
        add(known, "long-polling.jsonp.", OF_TRANSPORTS, OF_HTTP, OF_JSONP);
        add(known, "ws.", OF_TRANSPORTS, OF_WEBSOCKET);
        return known;
    }

    @SafeVarargs
    private static void add(Map<String, Option> known, String prefix, Map<String, Kind>... groups) {
        for (Map<String, Kind> group : groups) {
            group.forEach((name, kind) -> known.put(kebab(prefix + name), new Option(prefix + name, kind)));
        }
    }

    private static String kebab(String option) {
        return option.replaceAll("([a-z0-9])([A-Z])", "$1-$2").replace('.', '-').toLowerCase();
    }

    /** Throws an IllegalArgumentException that says which flag cannot be. */
    static Flags parse(String[] args) {
        Map<String, Option> known = known();
        Map<String, String> own = new LinkedHashMap<>();
        Map<String, Object> options = new LinkedHashMap<>();
        for (int i = 0; i < args.length; i++) {
            if (!args[i].startsWith("-")) {
                throw new IllegalArgumentException("\"" + args[i] + "\" is not a flag");
            }
            String flag = args[i].replaceFirst("^--?", "");
            String value = null;
            int equals = flag.indexOf('=');
            if (equals >= 0) {
                value = flag.substring(equals + 1);
                flag = flag.substring(0, equals);
            }
            Option option = OWN.containsKey(flag) ? new Option(flag, OWN.get(flag)) : known.get(flag);
            if (option == null) {
                throw new IllegalArgumentException("CometD has no option for --" + flag);
            }
            if (value == null) {
                if (option.kind == Kind.SWITCH) {
                    value = "true";
                } else if (++i < args.length) {
                    value = args[i];
                } else {
                    throw new IllegalArgumentException("--" + flag + " needs a value");
                }
            }
            if (!value.matches(option.kind.form)) {
                throw new IllegalArgumentException("--" + flag + ": \"" + value + "\" is not a " + option.kind.name().toLowerCase());
            }
            if (OWN.containsKey(flag)) {
                own.put(flag, value);
            } else {
                options.put(option.name, value);
            }
        }
        if (own.containsKey("transports")) {
            options.put("allowedTransports", String.join(",", list(own.get("transports"))));
        }
        return new Flags(address(own.getOrDefault("listen", "127.0.0.1:8080")), Long.parseLong(own.getOrDefault("drain", "2000")),
            options, extensions(own));
    }

    private static List<String> list(String value) {
        List<String> parts = new ArrayList<>(List.of(value.trim().split("[, ]+")));
        parts.removeIf(String::isEmpty);
        return parts;
    }

    private static InetSocketAddress address(String listen) {
        int colon = listen.lastIndexOf(':');
        try {
            String host = colon <= 0 ? "127.0.0.1" : listen.substring(0, colon);
            return new InetSocketAddress(host, Integer.parseInt(listen.substring(colon + 1)));
        } catch (IllegalArgumentException x) {
            throw new IllegalArgumentException("--listen: \"" + listen + "\" is not host:port");
        }
    }

    private static List<BayeuxServer.Extension> extensions(Map<String, String> own) {
        List<BayeuxServer.Extension> extensions = new ArrayList<>();
        for (String name : list(own.getOrDefault("extensions", "ack,timesync"))) {
            extensions.add(switch (name) {
                case "ack" -> new AcknowledgedMessagesExtension();
                case "timesync" -> new TimesyncExtension();
                case "timestamp" -> new TimestampExtension();
                case "binary" -> new BinaryExtension();
                case "activity" -> new ActivityExtension(mode(own.getOrDefault("activity-mode", "client")),
                    Long.parseLong(own.getOrDefault("max-inactivity", "600000")));
                default -> throw new IllegalArgumentException("--extensions: CometD has no \"" + name + "\"");
            });
        }
        return extensions;
    }

    private static ActivityExtension.Activity mode(String name) {
        return switch (name) {
            case "client" -> ActivityExtension.Activity.CLIENT;
            case "client_server" -> ActivityExtension.Activity.CLIENT_SERVER;
            default -> throw new IllegalArgumentException("--activity-mode is client or client_server");
        };
    }
}
