package realtime

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fluentpro/fluentpro/internal/platform/measure"
)

// Commands, as metrics have them.
const (
	commandConnect     = "connect"
	commandEcho        = "echo"
	commandPing        = "ping"
	commandSubscribe   = "subscribe"
	commandUnsubscribe = "unsubscribe"
	commandSend        = "send_message"
	commandCancel      = "cancel_message"
	commandPublish     = "publish"
	commandPresence    = "presence"
)

// metrics count what the WebSockets of this node do.
type metrics struct {
	commands      measure.By[prometheus.Counter]
	echoes        prometheus.Counter
	problems      *prometheus.CounterVec
	subscriptions measure.By[prometheus.Gauge]
	events        measure.By[prometheus.Counter]
	closed        measure.By[prometheus.Counter]
	now           prometheus.Collector
}

func newMetrics(s *Server) *metrics {
	codes := make([]string, 0, len(allVerdicts))
	for _, v := range allVerdicts {
		codes = append(codes, strconv.Itoa(v.code))
	}
	kinds := []string{topicConversation, topicTask, topicUser, topicRoom}
	m := &metrics{
		commands: measure.CountersBy("fluentpro_socket_commands_total", "Commands of WebSockets, refused ones as well.", "command",
			commandConnect, commandEcho, commandPing, commandSubscribe, commandUnsubscribe, commandSend, commandCancel, commandPublish, commandPresence),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "fluentpro_problems_total", Help: "Errors that clients were told, by their code.", ConstLabels: prometheus.Labels{"door": "websocket"},
		}, []string{"code"}),
		subscriptions: measure.GaugesBy("fluentpro_socket_subscriptions", "Topics that WebSockets of this node are subscribed to.", "topic", kinds...),
		events:        measure.CountersBy("fluentpro_socket_events_total", "Events pushed to WebSockets.", "topic", kinds...),
		closed:        measure.CountersBy("fluentpro_sockets_closed_total", "WebSockets that have ended, by the close code; 1000: the client left.", "code", codes...),
		now: measure.Stats(s.count, nil,
			measure.Figure[counted]{Name: "fluentpro_sockets_open", Help: "WebSockets on this node.", Of: func(c counted) float64 { return c.open }},
			measure.Figure[counted]{Name: "fluentpro_sockets_strangers", Help: "Those of them that have not said who they are.", Of: func(c counted) float64 { return c.strangers }},
			measure.Figure[counted]{Name: "fluentpro_sockets_users", Help: "Users who have a WebSocket on this node.", Of: func(c counted) float64 { return c.users }},
		),
	}
	m.echoes = m.commands.Of(commandEcho)
	return m
}

// counted is what there is at a moment.
type counted struct{ open, strangers, users float64 }

func (s *Server) count() (c counted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.open, c.users = float64(len(s.conns)), float64(len(s.users))
	for _, n := range s.strangers {
		c.strangers += float64(n)
	}
	return c
}

// Metrics are those of the WebSockets of this node.
func (s *Server) Metrics() prometheus.Collector {
	m := s.metrics
	return measure.Collectors{m.commands, m.problems, m.subscriptions, m.events, m.closed, m.now}
}
