package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// figures are read from the parts when Prometheus asks; nothing is kept twice.
type figures struct{ *Server }

func (s *Server) figures() prometheus.Collector { return figures{s} }

// Describe sends nothing: which figures there are follows from Collect.
func (f figures) Describe(chan<- *prometheus.Desc) {}

// Collect sends the figures of desk, store and CometD.
func (f figures) Collect(to chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help string, v float64, label ...string) {
		var names, values []string
		if len(label) == 2 {
			names, values = label[:1], label[1:]
		}
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc("halley_"+name, help, names, nil), kind, v, values...)
	}
	gauge := func(name, help string, v int, label ...string) {
		send(prometheus.GaugeValue, name, help, float64(v), label...)
	}
	total := func(name, help string, v int64, label ...string) {
		send(prometheus.CounterValue, name+"_total", help, float64(v), label...)
	}

	ctx, cancel := context.WithTimeout(context.Background(), storeCheck)
	defer cancel()
	if c, err := f.desk.Counts(ctx); err != nil {
		f.log.Error("counts for the metrics", "error", err)
	} else {
		const chats, agents = "Chats, by phase.", "Agents, by state."
		gauge("chats", chats, c.Waiting, "phase", "waiting")
		gauge("chats", chats, c.Active, "phase", "active")
		gauge("chats", chats, c.WrapUp, "phase", "wrap-up")
		gauge("chats", chats, c.Finished, "phase", "finished")
		gauge("agents", agents, c.AgentsLoggedIn, "state", "logged-in")
		gauge("agents", agents, c.AgentsReady, "state", "ready")
	}

	open, refused := f.listener.figures()
	gauge("connections", "Open connections.", open)
	total("connections_refused", "Connections closed at once because there were too many.", refused)

	d := f.desk.Stats()
	total("desk_commands", "Commands accepted.", d.Commands)
	total("desk_refusals", "Commands refused by the rules.", d.Refusals)
	total("desk_conflicts", "Commands decided anew because the data had changed.", d.Conflicts)
	total("desk_offers", "Offers made to agents.", d.Offers)
	total("desk_timers", "Timers fired.", d.Timers)

	st := f.store.Stats()
	total("store_commits", "Transactions on disk.", st.Commits)
	total("store_written", "Changes in those transactions.", st.Written)
	total("store_conflicts", "Batches refused because an expectation failed.", st.Conflicts)
	total("store_failures", "Changes that could not be written.", st.Failures)
	total("store_damaged", "Reads and writes that met damaged data; the log names it.", st.Damaged)
	gauge("store_waiting", "Changes in line for the next transaction.", st.Waiting)
	send(prometheus.GaugeValue, "store_last_commit_seconds", "Duration of the last transaction, with its fsync.", st.LastCommit.Seconds())
	failing := 0
	if writesFail(st) {
		failing = 1
	}
	gauge("store_failing", "1 if the last transaction could not be written, or one does not come to its end.", failing)
	total("bus_dropped", "Hints dropped because their receiver was busy; each costs a moment of latency.", f.bus.Dropped())

	b := f.agents.Bayeux().Stats()
	gauge("cometd_sessions", "CometD sessions.", b.Sessions)
	gauge("cometd_parked", "CometD sessions whose client has gone and may come back.", b.Parked)
	gauge("cometd_held", "Connects held over HTTP.", b.Held)
	gauge("cometd_sockets", "Open websockets.", b.Sockets)
	total("cometd_handshakes", "Successful handshakes.", b.Handshakes)
	total("cometd_resumed", "CometD sessions of an earlier server whose client came back.", b.Resumed)
	total("cometd_unsaved", "Attempts to save the progress of CometD sessions that failed.", b.Unsaved)
	total("cometd_received", "Messages from clients.", b.Received)
	total("cometd_delivered", "Messages handed to the network.", b.Delivered)
	total("cometd_redelivered", "Messages sent again after a loss.", b.Redelivered)
	total("cometd_refusals", "Messages refused.", b.Refusals)
	total("cometd_malformed", "Requests and frames that are no Bayeux.", b.Malformed)
	total("cometd_stolen_ids", "Client ids that came with somebody else's cookie or log-in.", b.StolenIDs)
	total("cometd_expired", "Sessions that ended because their client stayed away.", b.Expired)
	total("cometd_overflows", "Sessions that ended because of a full queue.", b.Overflows)
	total("cometd_failures", "Faults of the server's own.", b.Failures)
}
