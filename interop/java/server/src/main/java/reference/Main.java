package reference;

import java.net.InetSocketAddress;
import java.time.Duration;
import org.cometd.bayeux.server.BayeuxServer;
import org.cometd.server.BayeuxServerImpl;
import org.cometd.server.http.JSONHttpTransport;
import org.cometd.server.http.JSONPHttpTransport;
import org.cometd.server.http.jakarta.CometDServlet;
import org.cometd.server.websocket.jetty.JettyWebSocketTransport;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.server.Context;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;

/** Serves CometD at /cometd: long-polling and callback-polling through its servlet, websocket through Jetty's own API, HTTP/1.1 and h2c. */
public final class Main {
    private static final String PATH = "/cometd";

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        Flags flags = null;
        try {
            flags = Flags.parse(args);
        } catch (IllegalArgumentException x) {
            System.err.println("reference-server: " + x.getMessage());
            System.exit(2);
        }

        Server server = new Server();
        ServerConnector connector = connector(server, flags.listen());
        server.addConnector(connector);
        server.setHandler(context(server, flags));
        server.setStopAtShutdown(true);
        server.setStopTimeout(flags.drain());
        server.start();
        System.out.println("listening " + flags.listen().getHostString() + ":" + connector.getLocalPort());
        server.join();
    }

    private static ServerConnector connector(Server server, InetSocketAddress listen) {
        HttpConfiguration http = new HttpConfiguration();
        http.setSendServerVersion(false);
        http.setRequestHeaderSize(32 * 1024); // callback-polling puts whole messages into the request line
        ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http), new HTTP2CServerConnectionFactory(http));
        connector.setHost(listen.getHostString());
        connector.setPort(listen.getPort());
        connector.setAcceptQueueSize(4096); // thousands of clients come at once in the benchmarks
        connector.setIdleTimeout(Duration.ofMinutes(5).toMillis()); // above any time-out of a held connect
        return connector;
    }

    private static ServletContextHandler context(Server server, Flags flags) {
        ServletContextHandler context = new ServletContextHandler("/");
        context.addServlet(new ServletHolder(new CometDServlet()), PATH + "/*");
        WebSocketUpgradeHandler upgrade = WebSocketUpgradeHandler.from(server, context, container -> {
            container.setIdleTimeout(Duration.ofMinutes(5)); // what CometD documents as its default; Jetty's own is 30 s
        });
        context.insertHandler(upgrade);
        context.getServletContext().setAttribute(BayeuxServer.ATTRIBUTE, bayeux(context.getContext(), flags));
        return context;
    }

    /** The servlet finds this server in its context, starts and stops it. */
    private static BayeuxServerImpl bayeux(Context context, Flags flags) {
        BayeuxServerImpl bayeux = new BayeuxServerImpl();
        bayeux.setOption(Context.class.getName(), context);
        bayeux.setOption(JettyWebSocketTransport.COMETD_URL_MAPPING_OPTION, PATH + "/*," + PATH + "/");
        bayeux.addTransport(new JettyWebSocketTransport(bayeux));
        bayeux.addTransport(new JSONHttpTransport(bayeux));
        bayeux.addTransport(new JSONPHttpTransport(bayeux));
        flags.options().forEach(bayeux::setOption);
        flags.extensions().forEach(bayeux::addExtension);
        new OpenServer(bayeux).open();
        return bayeux;
    }
}
