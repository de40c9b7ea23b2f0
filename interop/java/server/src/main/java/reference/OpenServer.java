package reference;

import java.util.Map;
import org.cometd.bayeux.ChannelId;
import org.cometd.bayeux.Promise;
import org.cometd.bayeux.server.Authorizer;
import org.cometd.bayeux.server.BayeuxServer;
import org.cometd.bayeux.server.ServerChannel;
import org.cometd.bayeux.server.ServerMessage;
import org.cometd.bayeux.server.ServerSession;
import org.cometd.server.DefaultSecurityPolicy;

/**
 * What is open to everybody, and the exceptions on which the rules of the protocol are tried. They are those of bayeux/examples/openserver (its file
 * open.go lists them), as far as CometD can do them: it has no revocation, no messages to the sessions of a user, and asks nobody at delivery.
 */
final class OpenServer {
    private final BayeuxServer bayeux;

    OpenServer(BayeuxServer bayeux) {
        this.bayeux = bayeux;
    }

    void open() {
        bayeux.setSecurityPolicy(new Policy());
        bayeux.addExtension(new Failing());
        authorise("/authz/**", OpenServer::authz);
        authorise("/authz/union/**", OpenServer::union);
        bayeux.createChannelIfAbsent("/lazy", channel -> {
            channel.setPersistent(true);
            channel.setLazy(true);
            channel.setLazyTimeout(1500);
        });
        listen("/vetoed", (from, message) -> false);
        listen("/fail", (from, message) -> {
            throw new IllegalStateException("asked for on /fail");
        });
        listen("/service/fail", (from, message) -> {
            throw new IllegalStateException("asked for on /service/fail");
        });
        listen("/service/echo", (from, message) -> {
            from.deliver(null, "/service/echo", message.getData(), Promise.noop());
            return true;
        });
        listen("/service/burst", (from, message) -> {
            for (int n = 0; n < 3; n++) {
                from.deliver(null, "/burst", Map.of("n", n), Promise.noop());
            }
            return true;
        });
        listen("/service/bye", (from, message) -> {
            from.disconnect();
            return true;
        });
        listen("/service/call", (from, message) -> {
            answer(from, message);
            return true;
        });
    }

    /** Answers a remote call as the annotation library of CometD does; that library is not on the class path. */
    private void answer(ServerSession from, ServerMessage call) {
        boolean fails = call.getData() instanceof Map<?, ?> order && Boolean.TRUE.equals(order.get("fail"));
        ServerMessage.Mutable answer = bayeux.newMessage();
        answer.setChannel(call.getChannel());
        answer.setId(call.getId());
        answer.setSuccessful(!fails);
        answer.setData(call.getData());
        from.deliver(null, answer, Promise.noop());
    }

    private interface Listener {
        /** False deletes the message. */
        boolean onMessage(ServerSession from, ServerMessage message);
    }

    private void listen(String channel, Listener listener) {
        bayeux.createChannelIfAbsent(channel, c -> {
            c.setPersistent(true);
            c.addListener(new ServerChannel.MessageListener() {
                @Override
                public boolean onMessage(ServerSession from, ServerChannel to, ServerMessage.Mutable message) {
                    return listener.onMessage(from, message);
                }
            });
        });
    }

    private void authorise(String pattern, Authorizer authorizer) {
        bayeux.createChannelIfAbsent(pattern, channel -> channel.addAuthorizer(authorizer));
    }

    /** On a pattern: a channel with an authoriser of its own exists from the start, and the question whether it may be created would never be asked. */
    private static Authorizer.Result authz(Authorizer.Operation operation, ChannelId channel, ServerSession session, ServerMessage message) {
        return switch (channel.getId()) {
            case "/authz/deny" -> Authorizer.Result.deny("not_here");
            case "/authz/ignore", "/authz/union/no", "/authz/union/maybe" -> Authorizer.Result.ignore();
            default -> Authorizer.Result.grant();
        };
    }

    /** The second of two authorisers that see the channels below /authz/union. */
    private static Authorizer.Result union(Authorizer.Operation operation, ChannelId channel, ServerSession session, ServerMessage message) {
        return "/authz/union/no".equals(channel.getId()) ? Authorizer.Result.deny("not_here") : Authorizer.Result.ignore();
    }

    /** Fails when a message has ext.fail. */
    private static final class Failing implements BayeuxServer.Extension {
        @Override
        public boolean rcv(ServerSession from, ServerMessage.Mutable message) {
            Map<String, Object> ext = message.getExt();
            if (ext != null && Boolean.TRUE.equals(ext.get("fail"))) {
                throw new IllegalStateException("asked for in ext.fail");
            }
            return true;
        }

        @Override
        public boolean rcvMeta(ServerSession from, ServerMessage.Mutable message) {
            return rcv(from, message);
        }
    }

    private static final class Policy extends DefaultSecurityPolicy {
        @Override
        public boolean canHandshake(BayeuxServer server, ServerSession session, ServerMessage message) {
            Map<String, Object> ext = message.getExt();
            return (ext == null || !"bad".equals(ext.get("auth"))) && super.canHandshake(server, session, message);
        }

        @Override
        public boolean canCreate(BayeuxServer server, ServerSession session, String channel, ServerMessage message) {
            return !channel.startsWith("/nocreate/") && super.canCreate(server, session, channel, message);
        }

        @Override
        public boolean canSubscribe(BayeuxServer server, ServerSession session, ServerChannel channel, ServerMessage message) {
            if (channel.getId().startsWith("/failsub/")) {
                throw new IllegalStateException("asked for on " + channel.getId());
            }
            return !channel.getId().startsWith("/nosub/") && super.canSubscribe(server, session, channel, message);
        }

        @Override
        public boolean canPublish(BayeuxServer server, ServerSession session, ServerChannel channel, ServerMessage message) {
            return !channel.getId().startsWith("/nopub/") && super.canPublish(server, session, channel, message);
        }
    }
}
