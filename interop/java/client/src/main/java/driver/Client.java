package driver;

import jakarta.websocket.ContainerProvider;
import jakarta.websocket.WebSocketContainer;
import java.net.HttpCookie;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.cometd.bayeux.Channel;
import org.cometd.bayeux.Message;
import org.cometd.bayeux.client.ClientSession;
import org.cometd.bayeux.client.ClientSessionChannel;
import org.cometd.client.BayeuxClient;
import org.cometd.client.ext.AckExtension;
import org.cometd.client.http.jetty.JettyHttpClientTransport;
import org.cometd.client.transport.ClientTransport;
import org.cometd.client.websocket.javax.WebSocketTransport;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.util.component.LifeCycle;

/** One client as an application would have it, and its subscriptions. */
final class Client {
    private final String name;
    private final Map<String, HttpCookie> cookies;
    private final HttpClient http = new HttpClient();
    private final WebSocketContainer webSocket = ContainerProvider.getWebSocketContainer();
    private final BayeuxClient bayeux;
    private final Map<String, ClientSessionChannel.MessageListener> subscriptions = new ConcurrentHashMap<>();
    private final AtomicReference<String> state = new AtomicReference<>("");
    /** Some calls of the library wait for the network. */
    private final ExecutorService orders = Executors.newSingleThreadExecutor();

    /** Makes a client as the order says. Clients of one browser have the same cookies. */
    Client(String name, Map<String, Object> order, Map<String, HttpCookie> cookies) throws Exception {
        this.name = name;
        this.cookies = cookies;
        Map<String, Object> options = new HashMap<>();
        if (order.get("maxNetworkDelay") instanceof Number delay) {
            options.put(ClientTransport.MAX_NETWORK_DELAY_OPTION, delay.longValue());
            http.setConnectTimeout(delay.longValue());
        }
        http.start();
        List<ClientTransport> transports = new ArrayList<>();
        for (Object type : (Object[])order.get("transports")) {
            transports.add("websocket".equals(type) ? new WebSocketTransport(options, null, webSocket) : new JettyHttpClientTransport(options, http));
        }
        bayeux = new BayeuxClient((String)order.get("url"), transports.remove(0), transports.toArray(ClientTransport[]::new));
        if (order.get("backoff") instanceof Number increment) {
            bayeux.setOption(BayeuxClient.BACKOFF_INCREMENT_OPTION, increment.longValue());
        }
        if (order.get("maxBackoff") instanceof Number maximum) {
            bayeux.setOption(BayeuxClient.MAX_BACKOFF_OPTION, maximum.longValue());
        }
        if (Boolean.TRUE.equals(order.get("ack"))) {
            bayeux.addExtension(new AckExtension());
        }
        listen(Channel.META_CONNECT, message -> {
            tellState(message.isSuccessful() ? "connected" : "broken");
            watchTheEnd(message);
        });
        listen(Channel.META_DISCONNECT, this::watchTheEnd);
    }

    void carryOut(Map<String, Object> order, Main.Answer answer) {
        orders.execute(() -> {
            try {
                String channel = (String)order.get("channel");
                switch ((String)order.get("do")) {
                    case "handshake" -> handshake(order, answer);
                    case "subscribe" -> {
                        subscriptions.put(channel, heard(channel));
                        subscribe(channel, confirm(answer, () -> { }, () -> subscriptions.remove(channel)));
                    }
                    case "unsubscribe" -> bayeux.getChannel(channel).unsubscribe(subscriptions.remove(channel), confirm(answer));
                    case "listen" -> {
                        listen(channel, message -> tellMessage(channel, message));
                        answer.ok(Map.of());
                    }
                    case "publish" -> bayeux.getChannel(channel).publish(order.get("data"), confirm(answer));
                    case "batch" -> batch((Object[])order.get("messages"), answer);
                    case "call" -> bayeux.remoteCall(channel.replaceFirst("^/service/", ""), order.get("data"), reply -> {
                        if (reply.isSuccessful()) {
                            answer.ok(withNulls("data", reply.getData()));
                        } else {
                            answer.failed(reason(reply), reply.getData());
                        }
                    });
                    case "disconnect" -> bayeux.disconnect(confirm(answer, () -> tellState("disconnected"), () -> { }));
                    default -> answer.failed("unknown order " + order.get("do"), null);
                }
            } catch (RuntimeException x) {
                answer.failed(x.toString(), null);
            }
        });
    }

    /** Cuts the connections; the library sends nothing then. */
    void close() throws Exception {
        state.set("disconnected"); // nobody wants to know
        orders.shutdownNow();
        bayeux.abort();
        LifeCycle.stop(webSocket);
        http.stop();
    }

    private void handshake(Map<String, Object> order, Main.Answer answer) {
        cookies.values().forEach(bayeux::putCookie);
        Map<String, Object> fields = order.get("ext") == null ? null : new HashMap<>(Map.of("ext", order.get("ext")));
        AtomicInteger handshakes = new AtomicInteger();
        // The library calls this after each handshake, also of its own accord.
        bayeux.handshake(fields, reply -> {
            String transport = bayeux.getTransport() == null ? "" : bayeux.getTransport().getName();
            if (!reply.isSuccessful()) {
                whenEnded(() -> answer.failed(reason(reply), null)); // else it tries again
            } else if (handshakes.getAndIncrement() == 0) {
                bayeux.getCookieStore().getCookies().forEach(cookie -> cookies.put(cookie.getName(), cookie));
                answer.ok(Map.of("transport", transport));
            } else {
                subscribeAgain(() -> Main.tell(Map.of("event", "returned", "client", name, "transport", transport)));
            }
        });
    }

    private void subscribe(String channel, ClientSession.MessageListener confirmed) {
        bayeux.getChannel(channel).subscribe(subscriptions.get(channel), confirmed);
    }

    private void subscribeAgain(Runnable confirmed) {
        List<String> channels = List.copyOf(subscriptions.keySet());
        AtomicInteger open = new AtomicInteger(channels.size());
        if (channels.isEmpty()) {
            confirmed.run();
        }
        bayeux.batch(() -> channels.forEach(channel -> subscribe(channel, reply -> {
            if (reply.isSuccessful() && open.decrementAndGet() == 0) { // else the next handshake does it
                confirmed.run();
            }
        })));
    }

    private void batch(Object[] messages, Main.Answer answer) {
        AtomicInteger open = new AtomicInteger(messages.length);
        bayeux.batch(() -> {
            for (Object each : messages) {
                Map<?, ?> message = (Map<?, ?>)each;
                bayeux.getChannel((String)message.get("channel")).publish(message.get("data"), reply -> {
                    if (!reply.isSuccessful() && open.getAndSet(-1) > 0) {
                        answer.failed(reason(reply), null);
                    } else if (reply.isSuccessful() && open.decrementAndGet() == 0) {
                        answer.ok(Map.of());
                    }
                });
            }
        });
    }

    private void listen(String channel, Consumer<Message> told) {
        bayeux.getChannel(channel).addListener((ClientSessionChannel.MessageListener)(c, message) -> {
            if (!message.isPublishReply()) {
                told.accept(message);
            }
        });
    }

    private ClientSessionChannel.MessageListener heard(String subscription) {
        return (c, message) -> tellMessage(subscription, message);
    }

    private void tellMessage(String subscription, Message message) {
        Map<String, Object> line = withNulls("data", message.getData());
        line.putAll(Map.of("event", "message", "client", name, "subscription", subscription, "channel", message.getChannel()));
        Main.tell(line);
    }

    private static Map<String, Object> withNulls(String field, Object value) {
        Map<String, Object> line = new HashMap<>();
        line.put(field, value);
        return line;
    }

    /** Tells a state when it is not the last one told; nothing comes after the end. */
    private void tellState(String now) {
        String before = state.getAndUpdate(last -> "disconnected".equals(last) ? last : now);
        if (!before.equals(now) && !"disconnected".equals(before)) {
            Main.tell(Map.of("event", "state", "client", name, "state", now));
        }
    }

    private void watchTheEnd(Message reply) {
        Map<String, Object> advice = reply.getAdvice();
        boolean told = advice != null && Message.RECONNECT_NONE_VALUE.equals(advice.get(Message.RECONNECT_FIELD));
        if (told || Channel.META_DISCONNECT.equals(reply.getChannel())) {
            whenEnded(() -> tellState("disconnected"));
        }
    }

    /** Runs then when the library has ended for good, which it does after it has called the listeners. If it has not soon, it does not mean to. */
    private void whenEnded(Runnable then) {
        orders.execute(() -> {
            if (bayeux.waitFor(500, BayeuxClient.State.DISCONNECTED)) {
                then.run();
            }
        });
    }

    private static ClientSession.MessageListener confirm(Main.Answer answer) {
        return confirm(answer, () -> { }, () -> { });
    }

    private static ClientSession.MessageListener confirm(Main.Answer answer, Runnable before, Runnable otherwise) {
        return reply -> {
            if (reply.isSuccessful()) {
                before.run();
                answer.ok(Map.of());
            } else {
                otherwise.run();
                answer.failed(reason(reply), null);
            }
        };
    }

    private static String reason(Message reply) {
        Object error = reply.get(Message.ERROR_FIELD);
        if (error == null && reply.get("failure") instanceof Map<?, ?> failure) {
            error = failure.containsKey("exception") ? failure.get("exception") : failure;
        }
        return String.valueOf(error);
    }
}
